"""SCTP packet by packet: chunks that stand together, tags, and what an association remembers.

Every cell of the state table is walked in tests/tables, whole exchanges are in tests/cases.
"""

from __future__ import annotations

import pytest

from firewalld_py.conntrack.connection import ASSURED, CONFIRMED, ORIGINAL, REPLY
from firewalld_py.conntrack.sctp import SctpConnection, SctpTracker
from firewalld_py.conntrack.sctp_states import (
    ABORT,
    CLOSED,
    COOKIE_ACK,
    COOKIE_ECHO,
    DATA,
    ERROR,
    ESTABLISHED,
    HEARTBEAT,
    HEARTBEAT_ACK,
    INIT,
    INIT_ACK,
    SHUTDOWN,
    SHUTDOWN_ACK,
    SHUTDOWN_ACK_SENT,
    SHUTDOWN_COMPLETE,
    SHUTDOWN_STATES,
)
from firewalld_py.conntrack.timeouts import Timeouts
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import Packet, PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.packet.reasons import (
    OK,
    SCTP_CHUNKS,
    SCTP_NOT_A_START,
    SCTP_VERIFICATION_TAG,
)
from tests import wire
from tests.associations import (
    CLIENT_TAG,
    SERVER_TAG,
    associated,
    association,
    handshake,
    init,
    sctp,
    transport,
)
from tests.differential.sctp import SCTP, TAG_REFLECTED, chunk

SACK = 3
TAGS = (SERVER_TAG, CLIENT_TAG)  # what packets of each direction carry


def tracked(chunks: bytes, direction: int = ORIGINAL, tag: int | None = None) -> int:
    """What an established association says of one more packet."""
    tracker, connection = associated()
    packet = sctp(direction, TAGS[direction] if tag is None else tag, chunks)
    return tracker.update(connection, packet, direction, 1.0)


def cut(packet: Packet, octets: int, *, hidden: int = 0) -> Packet:
    """The packet without its last octets; `hidden` more are only not at hand (copy range)."""
    data = packet.data
    payload = data[20 : len(data) - octets]
    whole = wire.ipv4(wire.CLIENT4, wire.SERVER4, SCTP, payload)
    return parse(whole[: len(whole) - hidden], PacketMeta(truncated=hidden > 0))


# --- chunks that stand together (RFC 9260 section 6.10) ---


@pytest.mark.parametrize("kind", [INIT, INIT_ACK, SHUTDOWN_COMPLETE])
@pytest.mark.parametrize("other", [DATA, SACK, HEARTBEAT, 64])
def test_what_must_stand_alone_stands_neither_before_nor_behind_another(
    kind: int, other: int
) -> None:
    alone = init(kind) if kind in (INIT, INIT_ACK) else chunk(kind)
    assert tracked(alone + chunk(other, bytes(12))) == SCTP_CHUNKS
    assert tracked(chunk(other, bytes(12)) + alone) == SCTP_CHUNKS


@pytest.mark.parametrize("kind", [COOKIE_ECHO, COOKIE_ACK])
def test_a_cookie_comes_first(kind: int) -> None:
    assert tracked(chunk(kind) + chunk(DATA, bytes(12))) == OK
    assert tracked(chunk(DATA, bytes(12)) + chunk(kind)) == SCTP_CHUNKS
    assert tracked(chunk(kind) + chunk(kind)) == SCTP_CHUNKS


def test_there_is_at_least_one_chunk() -> None:
    assert tracked(b"") == SCTP_CHUNKS
    assert SctpTracker(Settings()).refusal(sctp(ORIGINAL, 0)) == SCTP_CHUNKS


@pytest.mark.parametrize("octets", [1, 2, 3])
def test_less_than_a_chunk_header_is_no_chunk(octets: int) -> None:
    assert tracked(bytes(octets)) == SCTP_CHUNKS
    assert tracked(chunk(DATA, bytes(12)) + b"\1" * octets) == OK


@pytest.mark.parametrize("kind", [DATA, SACK, ERROR, 255])
def test_a_chunk_of_length_0_makes_the_packet_wrong_wherever_it_stands(kind: int) -> None:
    empty = chunk(kind, length=0)
    assert tracked(empty) == SCTP_CHUNKS
    assert tracked(chunk(DATA, bytes(12)) + empty) == SCTP_CHUNKS
    assert SctpTracker(Settings()).refusal(sctp(ORIGINAL, 0, empty)) == SCTP_CHUNKS


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_chunk_length_below_its_header_is_rounded_up_to_it(length: int) -> None:
    short = chunk(DATA, length=length)
    assert tracked(short) == OK
    assert tracked(short + init()) == SCTP_CHUNKS  # the next chunk is found behind the header


@pytest.mark.parametrize("length", [5, 6, 7, 8])
def test_the_next_chunk_begins_at_a_multiple_of_four(length: int) -> None:
    assert tracked(chunk(DATA, bytes(length - 4)) + init()) == SCTP_CHUNKS


def test_a_chunk_that_is_longer_than_the_packet_is_the_last_one() -> None:
    assert tracked(chunk(DATA, bytes(8), length=65535) + init()) == OK


@pytest.mark.parametrize("hidden", range(17, 29))
def test_chunks_that_are_not_at_hand_do_not_count(hidden: int) -> None:
    # The queue's copy range may end anywhere; the INIT behind it would be wrong.
    tracker, connection = associated()
    whole = sctp(ORIGINAL, SERVER_TAG, chunk(DATA, bytes(8)), init())
    packet = cut(whole, 0, hidden=hidden)
    assert packet.length > len(packet.data)
    assert tracker.update(connection, packet, ORIGINAL, 1.0) == OK


def test_an_init_that_is_cut_is_wrong() -> None:
    first = sctp(ORIGINAL, 0, init())
    tracker = SctpTracker(Settings())
    for octets in range(1, 17):
        assert tracker.refusal(cut(first, octets)) == SCTP_VERIFICATION_TAG, octets
    for octets in range(17, 21):  # not even the chunk's header is left
        assert tracker.refusal(cut(first, octets)) == SCTP_CHUNKS, octets
    assert tracker.refusal(cut(first, 0, hidden=1)) == SCTP_VERIFICATION_TAG


def test_an_init_of_a_running_association_that_is_cut_is_wrong() -> None:
    tracker, connection = associated()
    assert tracker.update(connection, cut(sctp(0, 0, init()), 1), ORIGINAL, 1.0) == SCTP_CHUNKS
    assert connection.state == ESTABLISHED


# --- opening ---


@pytest.mark.parametrize("kind", [DATA, SACK, ABORT, COOKIE_ACK, SHUTDOWN_COMPLETE, 64])
def test_what_opens_no_association(kind: int) -> None:
    tracker = SctpTracker(Settings())
    assert tracker.refusal(sctp(ORIGINAL, 0, chunk(kind, bytes(12)))) == SCTP_NOT_A_START


def test_one_chunk_that_may_not_come_first_is_enough() -> None:
    tracker = SctpTracker(Settings())
    for second in (DATA, ABORT):
        packet = sctp(ORIGINAL, 0, chunk(SHUTDOWN_ACK), chunk(second, bytes(12)))
        assert tracker.refusal(packet) == SCTP_NOT_A_START


def test_an_init_comes_with_tag_0() -> None:
    tracker = SctpTracker(Settings())
    assert tracker.refusal(sctp(ORIGINAL, 0, init())) == OK
    assert tracker.refusal(sctp(ORIGINAL, 1, init())) == SCTP_VERIFICATION_TAG


@pytest.mark.parametrize(
    ("first", "state", "tags"),
    [
        (sctp(0, 0, init()), CLOSED, (0, CLIENT_TAG)),
        (sctp(0, 7, chunk(HEARTBEAT, bytes(8))), 8, (7, 0)),
        (sctp(0, 7, chunk(SHUTDOWN_ACK)), SHUTDOWN_ACK_SENT, (0, 7)),
        (sctp(0, 0, chunk(ERROR)), CLOSED, (0, 0)),
    ],
)
def test_the_first_packet_tells_tags(first: Packet, state: int, tags: tuple[int, int]) -> None:
    connection = association(SctpTracker(Settings()), first)
    assert connection.state == state
    assert (connection.tag(ORIGINAL), connection.tag(REPLY)) == tags


def test_the_handshake_tells_both_tags_and_assures() -> None:
    tracker = SctpTracker(Settings())
    (_, first), *others = handshake()
    connection = association(tracker, first)
    for direction, packet in others:
        assert not connection.status & ASSURED
        assert tracker.update(connection, packet, direction, 0.0) == OK
    assert connection.status & ASSURED
    assert (connection.tag(ORIGINAL), connection.tag(REPLY)) == (SERVER_TAG, CLIENT_TAG)


# --- tags (section 8.5) ---


@pytest.mark.parametrize("direction", [ORIGINAL, REPLY])
@pytest.mark.parametrize("kind", [DATA, SACK, SHUTDOWN, ERROR, COOKIE_ECHO, COOKIE_ACK, 64])
def test_a_packet_carries_the_tag_that_its_receiver_chose(kind: int, direction: int) -> None:
    body = chunk(kind, bytes(12))
    assert tracked(body, direction) == OK
    for tag in (0, TAGS[1 - direction], TAGS[direction] ^ 1):
        assert tracked(body, direction, tag) == SCTP_VERIFICATION_TAG


@pytest.mark.parametrize("kind", [ABORT, SHUTDOWN_COMPLETE])
@pytest.mark.parametrize("direction", [ORIGINAL, REPLY])
def test_with_the_t_bit_it_carries_its_senders(kind: int, direction: int) -> None:
    reflected = chunk(kind, flags=TAG_REFLECTED)
    assert tracked(chunk(kind), direction, TAGS[direction]) == OK
    assert tracked(chunk(kind), direction, TAGS[1 - direction]) == SCTP_VERIFICATION_TAG
    assert tracked(reflected, direction, TAGS[1 - direction]) == OK
    assert tracked(reflected, direction, TAGS[direction]) == SCTP_VERIFICATION_TAG


@pytest.mark.parametrize("tag", [0, 1, CLIENT_TAG])
def test_a_shutdown_ack_may_carry_any_tag(tag: int) -> None:
    assert tracked(chunk(SHUTDOWN_ACK), ORIGINAL, tag) == OK


def test_a_repeated_init_has_tag_0() -> None:
    assert tracked(init(), ORIGINAL, 0) == OK
    assert tracked(init(), ORIGINAL, SERVER_TAG) == SCTP_VERIFICATION_TAG


def test_data_beside_an_abort_do_not_ask_for_a_tag_of_their_own() -> None:
    # One chunk with a rule of its own takes the whole packet out of the general one.
    data, abort = chunk(DATA, bytes(12)), chunk(ABORT, flags=TAG_REFLECTED)
    assert tracked(data + abort, ORIGINAL, CLIENT_TAG) == OK
    assert tracked(abort + data, ORIGINAL, CLIENT_TAG) == OK


def test_a_packet_that_is_refused_leaves_state_and_deadline() -> None:
    tracker, connection = associated()
    deadline = connection.deadline
    wrong = sctp(ORIGINAL, 1, chunk(SHUTDOWN, bytes(4)))
    assert tracker.update(connection, wrong, ORIGINAL, 50.0) == SCTP_VERIFICATION_TAG
    assert (connection.state, connection.deadline) == (ESTABLISHED, deadline)


# --- INITs of both sides ---


def collided() -> tuple[SctpTracker, SctpConnection]:
    """Both sides have sent an INIT."""
    tracker = SctpTracker(Settings())
    connection = association(tracker, sctp(ORIGINAL, 0, init()))
    theirs = sctp(REPLY, 0, init(INIT, SERVER_TAG))
    assert tracker.update(connection, theirs, REPLY, 0.0) == OK
    return tracker, connection


@pytest.mark.parametrize("direction", [ORIGINAL, REPLY])
def test_when_inits_collide_an_init_ack_names_the_tag_of_its_senders_init(direction: int) -> None:
    own = (CLIENT_TAG, SERVER_TAG)[direction]
    tracker, connection = collided()
    other = sctp(direction, TAGS[direction], init(INIT_ACK, own ^ 1))
    assert tracker.update(connection, other, direction, 0.0) == SCTP_VERIFICATION_TAG
    same = sctp(direction, TAGS[direction], init(INIT_ACK, own))
    assert tracker.update(connection, same, direction, 0.0) == OK
    assert (connection.tag(ORIGINAL), connection.tag(REPLY)) == (SERVER_TAG, CLIENT_TAG)


@pytest.mark.parametrize("direction", [ORIGINAL, REPLY])
def test_after_a_collision_the_next_init_counts_alone(direction: int) -> None:
    asked, answered = ((CLIENT_TAG ^ 7, SERVER_TAG ^ 7), (SERVER_TAG ^ 7, CLIENT_TAG ^ 7))[
        direction
    ]
    tracker, connection = collided()
    anew = sctp(direction, 0, init(INIT, asked))
    assert tracker.update(connection, anew, direction, 0.0) == OK
    answer = sctp(1 - direction, asked, init(INIT_ACK, answered))
    assert tracker.update(connection, answer, 1 - direction, 0.0) == OK
    assert (connection.tag(direction), connection.tag(1 - direction)) == (answered, asked)


def test_the_cookies_acknowledgement_forgets_who_sent_an_init() -> None:
    tracker, connection = associated()
    answer = sctp(REPLY, CLIENT_TAG, init(INIT_ACK, SERVER_TAG ^ 1))
    assert tracker.update(connection, answer, REPLY, 0.0) == SCTP_VERIFICATION_TAG
    anew = sctp(ORIGINAL, 0, init(INIT, CLIENT_TAG))
    assert tracker.update(connection, anew, ORIGINAL, 0.0) == OK
    assert tracker.update(connection, answer, REPLY, 0.0) == OK


def test_an_init_of_a_tag_that_is_known_is_a_late_one_and_does_not_count() -> None:
    tracker, connection = associated()
    connection.status |= CONFIRMED  # only in the table may one be late
    anew = sctp(ORIGINAL, 0, init(INIT, CLIENT_TAG))
    assert tracker.update(connection, anew, ORIGINAL, 0.0) == OK
    answer = sctp(REPLY, CLIENT_TAG, init(INIT_ACK, SERVER_TAG ^ 1))
    assert tracker.update(connection, answer, REPLY, 0.0) == SCTP_VERIFICATION_TAG


# --- heartbeats on another path (section 8.3) ---

BEAT = chunk(HEARTBEAT, bytes(8))
BEAT_ACK = chunk(HEARTBEAT_ACK, bytes(8))


@pytest.mark.parametrize("direction", [ORIGINAL, REPLY])
def test_a_heartbeat_and_its_answer_may_bring_other_tags(direction: int) -> None:
    tracker, connection = associated()
    deadline = connection.deadline
    asked = sctp(direction, 77, BEAT)
    assert tracker.update(connection, asked, direction, 10.0) == OK
    assert connection.deadline == deadline  # as yet it proves nothing
    assert connection.tag(direction) == TAGS[direction]
    answer = sctp(1 - direction, 88, BEAT_ACK)
    assert tracker.update(connection, answer, 1 - direction, 20.0) == OK
    assert connection.deadline == 230.0
    # The asker's tag is learnt from its next packet that may bring one.
    assert connection.tag(1 - direction) == 88
    assert connection.tag(direction) == 0
    assert tracker.update(connection, asked, direction, 21.0) == OK
    assert connection.tag(direction) == 77


def test_nobody_answers_his_own_heartbeat_nor_one_that_was_right() -> None:
    tracker, connection = associated()
    assert tracker.update(connection, sctp(0, 77, BEAT), ORIGINAL, 0.0) == OK
    assert tracker.update(connection, sctp(0, 77, BEAT_ACK), 0, 0.0) == SCTP_VERIFICATION_TAG
    tracker, connection = associated()
    assert tracker.update(connection, sctp(0, SERVER_TAG, BEAT), ORIGINAL, 0.0) == OK
    assert tracker.update(connection, sctp(1, 88, BEAT_ACK), 1, 0.0) == SCTP_VERIFICATION_TAG


def test_a_right_heartbeat_makes_one_on_another_path_forgotten() -> None:
    tracker, connection = associated()
    assert tracker.update(connection, sctp(0, 77, BEAT), ORIGINAL, 0.0) == OK
    assert tracker.update(connection, sctp(0, SERVER_TAG, BEAT), ORIGINAL, 0.0) == OK
    assert tracker.update(connection, sctp(1, 88, BEAT_ACK), 1, 0.0) == SCTP_VERIFICATION_TAG


@pytest.mark.parametrize("chunks", [BEAT + chunk(DATA, bytes(12)), chunk(DATA, bytes(12)) + BEAT])
def test_a_heartbeat_on_another_path_carries_no_data(chunks: bytes) -> None:
    assert tracked(chunks, ORIGINAL, 77) == SCTP_VERIFICATION_TAG


def test_a_second_heartbeat_of_another_path_in_one_packet_is_one_too_many() -> None:
    assert tracked(BEAT + BEAT, ORIGINAL, 77) == SCTP_VERIFICATION_TAG
    assert tracked(BEAT + BEAT) == OK


# --- timeouts and the full table ---


def test_an_association_lives_as_long_as_its_state_says() -> None:
    settings = Settings(timeouts=Timeouts({"sctp_timeout_established": 77}))
    tracker, connection = associated(settings)
    assert connection.deadline == 77.0
    assert tracker.update(connection, sctp(0, SERVER_TAG, BEAT), ORIGINAL, 10.0) == OK
    assert connection.deadline == 87.0


def test_a_repeated_init_keeps_no_entry() -> None:
    tracker = SctpTracker(Settings())
    first = sctp(ORIGINAL, 0, init())
    connection = association(tracker, first)
    connection.status |= CONFIRMED
    deadline = connection.deadline
    assert tracker.update(connection, first, ORIGINAL, 5.0) == OK
    assert connection.deadline == deadline


@pytest.mark.parametrize("state", range(9))
def test_when_the_table_is_full_a_running_association_stays_and_one_that_ends_goes(
    state: int,
) -> None:
    _tracker, connection = associated()
    connection.state = state
    assert connection.may_be_forgotten(0.0) == (state in SHUTDOWN_STATES)


def test_every_octet_string_behind_the_ports_is_judged() -> None:
    # Lengths are checked before they are used: nothing is read behind the end.
    data = transport(SERVER_TAG, BEAT + chunk(DATA, bytes(12)) + chunk(ERROR, bytes(4)))
    for end in range(12, len(data) + 1):
        tracker, connection = associated()
        packet = parse(wire.ipv4(wire.CLIENT4, wire.SERVER4, SCTP, data[:end]), PacketMeta())
        assert packet.fault == OK
        expected = SCTP_CHUNKS if end < 16 else OK
        assert tracker.update(connection, packet, ORIGINAL, 1.0) == expected, end

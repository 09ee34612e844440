"""SIP's helper: what requests and answers lead to, what is dropped, and what its switches change.

Each case is a conversation of the telephone 10.1.0.5 with the registrar 203.0.113.9: what they say,
and what is expected then. Thousands of others are put to the kernel in
tests/differential/test_helper_sip.py.
"""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewalld_py.conntrack.expectation import INACTIVE
from firewalld_py.conntrack.helpers.parameters import PARAMETER_DEFAULTS
from firewalld_py.conntrack.helpers.sip import SipHelper
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.reasons import REASON_NAMES
from tests import wire
from tests.plans import firewall, plan, rule, template
from tests.talk import Talk

TELEPHONE, REGISTRAR = 0, 1
SIP: Final = 5060
KINDS: Final = ("calls", "audio", "video", "image")
UNREADABLE: Final = "helper_command"
REFUSED: Final = "expectation_refused"
AUDIO: Final = b"m=audio 7000 RTP/AVP 0\r\n"


class Line:
    """Signalling through a firewall with the helper; `parameters` are the helper's."""

    def __init__(self, *, tcp: bool = False, version: int = 4, **parameters: int) -> None:
        settings = Settings()
        settings.helpers = {**settings.helpers, **parameters}
        matches = ("dport", [[SIP, SIP]])
        self.firewall = firewall(
            plan(prerouting=[rule("continue", matches, template=template(helper="sip"))]), settings
        )
        self.talk = Talk(version)
        self.sport = SIP
        self.tcp = self.talk.tcp(SIP, SIP).open() if tcp else None
        self.now = 1.0

    def says(self, side: int, text: bytes) -> str:
        """What becomes of a message, unless it passes, and what is expected then."""
        if self.tcp is not None:
            self.tcp.send(side, text)
        else:
            ports = (self.sport, SIP) if side == TELEPHONE else (SIP, self.sport)
            self.talk.datagram(text, *ports, answers=side == REGISTRAR)
        reason = self.pass_on()
        return "; ".join([*([reason] if reason != "policy" else []), *self.expected()])

    def pass_on(self) -> str:
        """Send what was said; why the last packet was accepted or dropped."""
        reason = ""
        for data in self.talk.packets:
            reason = REASON_NAMES[self.firewall.handle(data, PacketMeta(), self.now).reason]
        self.talk.packets.clear()
        return reason

    def expected(self) -> list[str]:
        found = self.firewall.conntrack.expectations.all(self.now)
        return [
            f"{'inactive ' if one.flags & INACTIVE else ''}{KINDS[one.kind]} from "
            f"{self._name(one.src)} to {self._name(one.dst)}:{one.dport} "
            f"for {one.deadline - self.now:g} s"
            for one in found
        ]

    def _name(self, address: bytes) -> str:
        names = {self.talk.client: "telephone", self.talk.server: "registrar", b"": "anybody"}
        return names.get(address, "another")


def message(first: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    length = b"Content-Length: %d" % len(body)
    return b"\r\n".join((first, *headers, length, b"", body))


def register(*headers: bytes, cseq: int = 1) -> bytes:
    first = b"REGISTER sip:example.org SIP/2.0"
    return message(first, b"CSeq: %d REGISTER" % cseq, *(headers or (CONTACT, b"Expires: 60")))


def registered(*headers: bytes, code: int = 200, cseq: int = 1) -> bytes:
    first = b"SIP/2.0 %d OK" % code
    return message(first, b"CSeq: %d REGISTER" % cseq, *(headers or (CONTACT, b"Expires: 90")))


def session(*media: bytes, address: bytes = b"10.1.0.5") -> bytes:
    return (
        b"v=0\r\no=x 1 1 IN IP4 10.1.0.5\r\ns=-\r\nc=IN IP4 " + address + b"\r\n" + b"".join(media)
    )


def request(method: bytes, *media: bytes, cseq: int = 2, address: bytes = b"10.1.0.5") -> bytes:
    body = session(*media, address=address) if media else b""
    first = method + b" sip:b@example.org SIP/2.0"
    return message(first, b"CSeq: %d " % cseq + method, body=body)


def answer(code: int, *media: bytes, cseq: int = 2, method: bytes = b"INVITE") -> bytes:
    body = session(*media, address=b"203.0.113.9") if media else b""
    return message(b"SIP/2.0 %d so" % code, b"CSeq: %d " % cseq + method, body=body)


CONTACT: Final = b"Contact: <sip:a@10.1.0.5:5061>"
CALLS: Final = "calls from registrar to telephone:5061 for 90 s"
WAITING: Final = "inactive calls from registrar to telephone:5061 for 180 s"
TALK: Final = (
    "audio from registrar to telephone:7000 for 180 s; "
    "audio from registrar to telephone:7001 for 180 s"
)


# --- registrations ---


@pytest.mark.parametrize("tcp", [False, True])
def test_calls_are_let_through_when_the_registrar_has_agreed(tcp: bool) -> None:
    line = Line(tcp=tcp)
    assert line.says(TELEPHONE, register()) == WAITING
    assert line.says(REGISTRAR, registered(code=100)) == WAITING
    assert line.says(REGISTRAR, registered()) == CALLS


@pytest.mark.parametrize(
    ("headers", "outcome"),
    [
        ((b"Contact: <sip:a@10.1.0.6:5061>", b"Expires: 60"), ""),  # a third host
        ((b"Contact: <sip:a@203.0.113.9:5061>", b"Expires: 60"), ""),
        ((b"Contact: <sip:a@10.1.0.5:80>", b"Expires: 60"), ""),
        ((b"Contact: <sip:a@10.1.0.5:5061;transport=tcp>", b"Expires: 60"), ""),
        ((b"Contact: <sip:a@10.1.0.5:5061;transport=udp>", b"Expires: 60"), WAITING),
        ((CONTACT, b"Expires: 0"), ""),
        ((CONTACT,), ""),
        ((b"X: y",), ""),
        ((CONTACT + b";expires=30",), WAITING),
        ((CONTACT + b";expires=0", b"Expires: 60"), ""),
        ((CONTACT + b";expires=x", b"Expires: 60"), UNREADABLE),
    ],
)
def test_a_contact_counts_that_is_the_telephones_own(
    headers: tuple[bytes, ...], outcome: str
) -> None:
    assert Line().says(TELEPHONE, register(*headers)) == outcome


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        (registered(CONTACT + b";expires=30"), CALLS.replace("90", "30")),
        (registered(b"m: <sip:x@10.1.0.9>, <sip:10.1.0.5:5061>", b"Expires: 90"), CALLS),
        (registered(cseq=2), WAITING),  # of another request
        (registered(code=401), ""),
        (registered(b"X: y"), ""),
        (registered(CONTACT), ""),  # for how long?
        (registered(b"Contact: <sip:a@10.1.0.5:5062>", b"Expires: 90"), ""),
        (registered(CONTACT + b";expires=x"), f"{UNREADABLE}; {WAITING}"),
        (registered(CONTACT + b";expires=4294967295"), CALLS.replace("90", "1.71799e+07")),
    ],
)
def test_what_the_registrar_answers(text: bytes, outcome: str) -> None:
    line = Line()
    line.says(TELEPHONE, register())
    assert line.says(REGISTRAR, text) == outcome


def test_to_register_again_takes_calls_away_until_that_is_answered() -> None:
    line = Line()
    line.says(TELEPHONE, register())
    line.says(REGISTRAR, registered())
    assert line.says(TELEPHONE, register(cseq=2)) == WAITING


def test_a_call_that_was_expected_is_signalling_itself_but_cannot_register() -> None:
    line = Line()
    line.says(TELEPHONE, register())
    line.says(REGISTRAR, registered())
    call = request(b"INVITE", AUDIO, address=b"203.0.113.9")
    line.talk.datagram(call, 6000, 5061, answers=True)
    line.pass_on()
    media = "audio from telephone to registrar:7000 for 180 s"
    assert media in line.expected()
    (child,) = [one for one in line.firewall.conntrack.table.connections() if one.master()]
    assert child.helper() == "sip"
    line.talk.datagram(register(), 5061, 6000)
    line.pass_on()
    assert not [one for one in line.expected() if one.startswith("inactive")]


def test_without_direct_signalling_anybody_may_call() -> None:
    line = Line(sip_direct_signalling=0)
    assert line.says(TELEPHONE, register()) == WAITING.replace("registrar", "anybody")


# --- media ---


@pytest.mark.parametrize("method", [b"INVITE", b"UPDATE", b"ACK", b"PRACK", b"invite"])
def test_a_request_with_a_session_leads_to_media(method: bytes) -> None:
    assert Line().says(TELEPHONE, request(method, AUDIO)) == TALK


def test_other_methods_are_not_read() -> None:
    assert Line().says(TELEPHONE, request(b"OPTIONS", AUDIO)) == ""
    assert Line().says(TELEPHONE, b"MESSAGE sip:b SIP/2.0\r\n\r\n") == ""


@pytest.mark.parametrize(("code", "count"), [(100, 4), (183, 4), (200, 4), (300, 0), (486, 0)])
def test_an_answer_adds_the_other_sides_media_or_ends_the_call(code: int, count: int) -> None:
    line = Line()
    line.says(TELEPHONE, request(b"INVITE", AUDIO))
    line.says(REGISTRAR, answer(code, b"m=audio 9000 RTP/AVP 0\r\n"))
    assert len(line.expected()) == count


def test_a_refusal_of_another_invite_ends_nothing() -> None:
    line = Line()
    line.says(TELEPHONE, request(b"INVITE", AUDIO))
    assert line.says(REGISTRAR, answer(486, cseq=3)) == TALK


def test_the_end_of_a_call_is_the_end_of_its_media_but_not_of_the_registration() -> None:
    line = Line()
    line.says(TELEPHONE, register())
    line.says(REGISTRAR, registered())
    line.says(TELEPHONE, request(b"INVITE", AUDIO))
    assert line.says(REGISTRAR, request(b"BYE")) == CALLS


def test_a_new_invite_takes_the_place_of_the_former() -> None:
    line = Line()
    line.says(TELEPHONE, request(b"INVITE", b"m=audio 9000 RTP/AVP 0\r\n"))
    assert line.says(TELEPHONE, request(b"INVITE", AUDIO, cseq=3)) == TALK


def test_media_towards_a_third_host_are_not_expected() -> None:
    assert Line().says(TELEPHONE, request(b"INVITE", AUDIO, address=b"10.1.0.6")) == ""


def test_without_direct_media_third_hosts_may_be_named_and_anybody_may_send() -> None:
    line = Line(sip_direct_media=0)
    line.says(TELEPHONE, request(b"INVITE", AUDIO, address=b"10.1.0.6"))
    assert line.expected()[0] == "audio from anybody to another:7000 for 180 s"
    assert SipHelper({**PARAMETER_DEFAULTS, "sip_direct_media": 0}).third_parties


def test_a_port_below_1024_is_refused_and_what_stood_before_it_stays() -> None:
    line = Line(tcp=True)
    text = request(b"INVITE", AUDIO, b"m=video 80 RTP/AVP 0\r\n")
    assert line.says(TELEPHONE, text) == f"{UNREADABLE}; {TALK}"


def test_a_first_datagram_that_is_dropped_leaves_nothing() -> None:
    text = request(b"INVITE", AUDIO, b"m=video 80 RTP/AVP 0\r\n")
    assert Line().says(TELEPHONE, text) == UNREADABLE


def test_a_third_stream_pushes_the_first_out() -> None:
    ports = (7000, 7002, 7004)
    text = request(b"INVITE", *(b"m=audio %d RTP/AVP 0\r\n" % port for port in ports))
    expected = Line().says(TELEPHONE, text)
    assert "7000" not in expected
    assert "7005" in expected


def test_one_port_for_two_kinds_is_expected_once() -> None:
    text = request(b"INVITE", AUDIO, b"m=video 7000 RTP/AVP 0\r\n")
    assert Line().says(TELEPHONE, text) == TALK


def test_media_that_another_connection_named_are_good_as_they_are() -> None:
    line = Line()
    line.says(TELEPHONE, request(b"INVITE", AUDIO))
    line.sport = 5070
    assert line.says(TELEPHONE, request(b"INVITE", AUDIO)) == TALK
    (one, _other) = line.firewall.conntrack.expectations.all(line.now)
    assert one.master.original_key[8:10] == SIP.to_bytes(2, "big")


def test_of_rtp_and_rtcp_both_are_expected_or_none() -> None:
    line = Line(sip_direct_media=0)
    line.says(TELEPHONE, request(b"INVITE", AUDIO))
    rtcp = line.firewall.conntrack.expectations.all(line.now)[1]
    line.firewall.conntrack.expectations.remove(rtcp)
    rtcp.src = line.talk.server  # as of a helper that is stricter: it clashes
    policy = SipHelper(PARAMETER_DEFAULTS).policies[1]
    line.firewall.conntrack.expectations.expect(rtcp, policy, line.now)
    line.firewall.conntrack.expectations.remove(
        line.firewall.conntrack.expectations.all(line.now)[0]
    )
    stricter = "audio from registrar to telephone:7001 for 180 s"
    assert line.says(TELEPHONE, request(b"ACK", AUDIO)) == f"{REFUSED}; {stricter}"


# --- messages ---


@pytest.mark.parametrize(
    "text",
    [
        b"INVITE sip:b SIP/2.0\r\n\r\n",
        b"INVITE sip:b SIP/2.0\r\nCSeq: x INVITE\r\n\r\n",
        b"INVITE sip:b SIP/2.0\r\nCSeq: 4294967296 INVITE\r\n\r\n",
        b"SIP/2.0 200 OK\r\n\r\n",
        b"SIP/2.0 0 no\r\nCSeq: 1 INVITE\r\n\r\n",
        b"SIP/2.0 x no\r\nCSeq: 1 INVITE\r\n\r\n",
    ],
)
def test_without_a_sequence_number_or_code_a_message_is_dropped(text: bytes) -> None:
    assert Line().says(TELEPHONE, text) == UNREADABLE


@pytest.mark.parametrize(
    "text", [b"", b"\r\n\r\n", b"INVITE s", b"SIP/2.0 20", b"INVITE 1 2 3 4 5"]
)
def test_what_is_no_message_passes(text: bytes) -> None:
    assert Line().says(TELEPHONE, text) == ""


def test_of_a_stream_all_messages_of_a_segment_are_read() -> None:
    line = Line(tcp=True)
    assert line.says(TELEPHONE, register() + request(b"INVITE", AUDIO)) == f"{WAITING}; {TALK}"


def test_of_a_stream_a_message_in_two_segments_is_not_read() -> None:
    line = Line(tcp=True)
    text = request(b"INVITE", AUDIO)
    assert line.says(TELEPHONE, text[:-9]) == ""
    assert line.says(TELEPHONE, text[-9:]) == ""


def test_of_a_stream_a_message_without_its_length_is_not_read() -> None:
    text = request(b"INVITE", AUDIO).replace(b"Content-Length", b"X")
    assert Line(tcp=True).says(TELEPHONE, text) == ""
    assert Line().says(TELEPHONE, text) == TALK


def test_a_datagram_of_which_not_all_is_at_hand_is_not_read() -> None:
    line = Line()
    line.talk.datagram(request(b"INVITE", AUDIO), SIP, SIP)
    (data,) = line.talk.packets
    line.firewall.handle(data[:-9], PacketMeta(truncated=True), line.now)
    assert line.expected() == []


@pytest.mark.parametrize("tcp", [False, True])
def test_whatever_is_said_keeps_the_connection_for_sip_timeout(tcp: bool) -> None:
    line = Line(tcp=tcp, sip_timeout=7)
    line.says(TELEPHONE, b"\r\n\r\n")
    (connection,) = line.firewall.conntrack.table.connections()
    assert connection.deadline == line.now + 7


def test_ipv6_has_its_own_forms() -> None:
    line = Line(version=6)
    contact = b"Contact: <sip:a@[fd00:1::5]:5061>"
    assert line.says(TELEPHONE, register(contact, b"Expires: 60")) == WAITING
    body = b"v=0\r\nc=IN IP6 fd00:1::5\r\n" + AUDIO
    text = message(b"INVITE sip:b SIP/2.0", b"CSeq: 2 INVITE", body=body)
    assert line.says(TELEPHONE, text) == f"{WAITING}; {TALK}"


# --- whatever comes ---

WORDS: Final = st.sampled_from(
    [
        *b"CSeq: 1 |REGISTER|INVITE |sip:a| SIP/2.0|SIP/2.0 200|v=0|Expires: 9".split(b"|"),
        *b"c=IN IP4 10.1.0.5|c=IN IP4 10.1.0.6|m=video 9000 ".split(b"|"),
        b"\r\n",
        CONTACT,
        AUDIO,
    ]
)


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.lists(WORDS | st.binary(max_size=9), max_size=12)),
        max_size=5,
    ),
    st.booleans(),
)
def test_whatever_is_said_opens_nothing_towards_others(
    said: list[tuple[int, list[bytes]]],
    tcp: bool,
) -> None:
    line = Line(tcp=tcp)
    for side, words in said:
        line.says(side, b"".join(words))
    for one in line.firewall.conntrack.expectations.all(line.now):
        assert {one.src, one.dst} == {wire.CLIENT4, wire.SERVER4}

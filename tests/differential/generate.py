"""Seeded sequences of packets: several conversations at once, errors about them, odd headers.

A sequence is known by its seed and number alone, so that any one can be made again without the
others. How hostile it is differs from sequence to sequence: the tame reach deep states, the wild
find the edges of all of them.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

from tests import wire
from tests.differential import errors
from tests.differential.conversation import Conversation, Ends, weighted
from tests.differential.datagrams import (
    GreConversation,
    OtherConversation,
    QueryConversation,
    UdpConversation,
)
from tests.differential.disturbed import disturbed
from tests.differential.fragments import fragmented
from tests.differential.sctp import SctpConversation
from tests.differential.sequence import Sent, Sequence
from tests.differential.small_world import SmallSctp, SmallTcp
from tests.differential.tcp import TcpConversation

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

TOPICS: Final = (
    "tcp",
    "udp",
    "udplite",
    "icmp",
    "sctp",
    "gre",
    "other",
    "errors",
    "headers",
    "checksums",
    "fragments",
)
# How often a conversation is of which topic, among those that are asked for.
SHARES: Final = {"tcp": 60, "udp": 10, "udplite": 4, "icmp": 10, "sctp": 12, "gre": 5, "other": 5}
SMALL_WORLDS: Final = 0.25  # the share of TCP and SCTP conversations that are without a plan
TALKS_TO_ITSELF: Final = 0.02  # the share of sequences in which both ends have one address
HOSTILITY: Final = ((2, 0.0), (3, 0.03), (4, 0.1), (4, 0.25), (2, 0.6), (1, 1.0))
SWITCHED: Final[tuple[dict[str, int], ...]] = (
    {},
    {},
    {},
    {},
    {},
    {"tcp_be_liberal": 1},
    {"tcp_loose": 0},
    {"tcp_ignore_invalid_rst": 1},
    {"tcp_max_retrans": 1},
)


def sequences(seed: int, topics: Collection[str] = TOPICS) -> Iterator[Sequence]:
    """All sequences of a seed, without end."""
    number = 0
    while True:
        yield sequence(seed, number, topics)
        number += 1


def sequence(seed: int, number: int, topics: Collection[str] = TOPICS) -> Sequence:
    """One sequence of 10 to 120 packets."""
    return _Maker(seed, number, topics).make()


class _Maker:
    """A sequence under way."""

    def __init__(self, seed: int, number: int, topics: Collection[str]) -> None:
        self._rng = rng = Random(f"{seed}/{number}/{','.join(sorted(topics))}")
        self._name = f"seed {seed} sequence {number}"
        self._switches = dict(rng.choice(SWITCHED))
        if "checksums" in topics and rng.random() < 0.15:
            self._switches["checksum"] = 1
        self._topics = topics
        self._hostility = weighted(rng, HOSTILITY)
        self._odd_headers = rng.choice((0, 0, 0.02, 0.2)) if "headers" in topics else 0.0
        self._errors = rng.choice((0.02, 0.1, 0.5)) if "errors" in topics else 0.0
        self._fragments = rng.choice((0, 0, 0, 0.05, 0.5)) if "fragments" in topics else 0.0
        self._ends = self._hosts()
        self._conversations = [self._conversation() for _ in range(rng.choice((1, 1, 2, 3)))]
        self._packets: list[Sent] = []

    def make(self) -> Sequence:
        rng = self._rng
        speaker = self._conversations[0]
        for _ in range(rng.choice((10, 30, 60, 120))):
            if rng.random() < 0.3:
                speaker = rng.choice(self._conversations)
            sent = self._disturbed(self._packet(speaker))
            self._packets += self._in_pieces(sent)
        return Sequence(self._name, self._packets, self._switches)

    def _hosts(self) -> Ends:
        rng = self._rng
        if rng.random() < 0.5:
            client = bytes((10, *rng.choices(range(1, 255), k=3)))
            server = bytes((203, 0, 113, rng.randrange(1, 255)))
            self._bystander = wire.ROUTER4
        else:
            client = bytes.fromhex("fd00000100000000") + rng.randbytes(7) + b"\1"
            server = bytes.fromhex("fd00000200000000") + rng.randbytes(7) + b"\2"
            self._bystander = wire.ROUTER6
        return Ends(client, client if rng.random() < TALKS_TO_ITSELF else server)

    def _conversation(self) -> Conversation:
        rng, ends, hostility = self._rng, self._ends, self._hostility
        topic = weighted(
            rng, [(share, topic) for topic, share in SHARES.items() if topic in self._topics]
        )
        if topic == "tcp" and rng.random() < SMALL_WORLDS:
            return SmallTcp(rng, ends)
        if topic == "sctp" and rng.random() < SMALL_WORLDS:
            return SmallSctp(rng, ends)
        if topic == "tcp":
            return TcpConversation(rng, ends, hostility, rng.choice((0.0, 0.0, 0.05, 0.2)))
        if topic in ("udp", "udplite"):
            protocol = wire.UDP if topic == "udp" else wire.UDPLITE
            if topic == "udplite" and self._switches.get("checksum"):
                self._errors = 0.0  # the kernel is wrong about these checksums; see departures.py
            return UdpConversation(rng, ends, hostility, protocol)
        makers: dict[str, Callable[[Random, Ends, float], Conversation]] = {
            "icmp": QueryConversation,
            "sctp": SctpConversation,
            "gre": GreConversation,
            "other": OtherConversation,
        }
        return makers[topic](rng, ends, hostility)

    def _packet(self, speaker: Conversation) -> Sent:
        rng = self._rng
        if rng.random() >= self._errors or not self._packets:
            return speaker.next()
        if rng.random() < 0.1:
            return errors.unsolicited(rng, self._ends.client, self._ends.server, self._bystander)
        quoted = rng.choice(self._packets[-20:]).data
        # One that is too short, or of another version, names nobody to complain to.
        if len(quoted) < 40 or quoted[0] >> 4 not in (4, 6):
            return speaker.next()
        return errors.about(rng, quoted, self._bystander)

    def _disturbed(self, sent: Sent) -> Sent:
        rng = self._rng
        if rng.random() < self._odd_headers:
            data, note = disturbed(rng, sent.data)
            return Sent(data, f"{sent.note}, {note}")
        header = 20 if sent.data[0] >> 4 == 4 else 40
        if self._switches.get("checksum") and len(sent.data) > header and rng.random() < 0.1:
            at = rng.randrange(header, len(sent.data))
            data = sent.data[:at] + bytes((sent.data[at] ^ 1,)) + sent.data[at + 1 :]
            return Sent(data, f"{sent.note}, one bit wrong")
        return sent

    def _in_pieces(self, sent: Sent) -> list[Sent]:
        """The packet as it is, or cut."""
        rng = self._rng
        header = (sent.data[0] & 15) * 4 if sent.data[0] >> 4 == 4 else 40
        if rng.random() >= self._fragments or len(sent.data) < max(header, 20) + 9:
            return [sent]
        if sent.data[0] >> 4 not in (4, 6):
            return [sent]
        pieces = fragmented(rng, sent.data, max(self._hostility, 0.2))
        return [Sent(piece, f"{sent.note}, in pieces") for piece in pieces]

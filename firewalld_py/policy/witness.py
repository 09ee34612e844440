"""Packets that show what rules do: made from a rule's conditions, judged by Firewall.handle.

A candidate is a packet in words and, where it is to have a state that one packet alone cannot have,
the packets that come before it. What is made here is only likely: a candidate counts for what the
firewall says of it, run on a Bench, and nothing is said of a rule that no candidate meets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from firewalld_py.conntrack.icmp import ICMPV6_UNTRACKED
from firewalld_py.packet.protocols import (
    IPPROTO_ICMP,
    IPPROTO_ICMPV6,
    IPPROTO_TCP,
    IPPROTO_UDP,
    TCP_ACK,
    TCP_FIN,
    TCP_PSH,
    TCP_RST,
    TCP_SYN,
)
from firewalld_py.policy.interface_names import Interfaces
from firewalld_py.policy.names import STATES
from firewalld_py.policy.packet_words import PacketWords
from firewalld_py.policy.ranges import ranges_of, touch, within, without
from firewalld_py.policy.region import FLAGS, FULL, ICMP_TYPE, ICMPV6_TYPES, PROTO, STATE, Region
from firewalld_py.policy.witness_words import Wanted, words_of

# By the number of a state's bit.
STATE_WORDS: Final = tuple(STATES)
NEW, ESTABLISHED, RELATED, INVALID, UNTRACKED = range(5)
ACROSS: Final = {"forward": "forward", "input": "output", "output": "input"}

SYN_ACK: Final = TCP_SYN | TCP_ACK
_LATER_FLAGS: Final = (TCP_ACK, TCP_ACK | TCP_PSH, TCP_ACK | TCP_FIN, TCP_RST, TCP_ACK | TCP_RST)
# Combinations that belong to no connection; see packet/parse.py.
_BAD_FLAGS: Final = (TCP_SYN | TCP_FIN, 0, TCP_FIN | TCP_PSH | 0x20, TCP_SYN | TCP_RST)
_QUESTIONS: Final = {8: 0, 13: 14, 15: 16, 17: 18}
_ANSWERS: Final = {answer: question for question, answer in _QUESTIONS.items()}
_QUESTIONS6: Final = {128: 129}
_ANSWERS6: Final = {129: 128}
_ERRORS: Final = (3 << 8 | 3, 3 << 8, 3 << 8 | 4, 11 << 8, 12 << 8, 4 << 8, 5 << 8)
_ERRORS6: Final = tuple(ICMPV6_TYPES + (number << 8) for number in (1, 2, 3, 4))
_ABOUT: Final = (IPPROTO_TCP, IPPROTO_UDP)
_ABOUT_PORTS: Final = (443, 50000)
_ICMP_BOTH: Final = ((IPPROTO_ICMP, IPPROTO_ICMP), (IPPROTO_ICMPV6, IPPROTO_ICMPV6))


@dataclass(frozen=True, slots=True)
class Sent:
    """A packet in words and the filter chain that judges it; or an ICMP error about the last."""

    words: PacketWords
    chain: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """Packets of which the last is the one that is meant, and the state that it is to have.

    With `opened`, those before it pass whatever the filter says: their connection stood already
    when the rules were put in force.
    """

    steps: tuple[Sent, ...]
    state: str
    opened: bool = False

    @property
    def last(self) -> Sent:
        """The packet that is meant."""
        return self.steps[-1]


def answer_of(sent: Sent) -> Sent | None:
    """What is sent back, in a later packet, by whoever gets this one; None if nothing is."""
    words = sent.words
    number = words.icmp_type
    if words.protocol in (IPPROTO_ICMP, IPPROTO_ICMPV6):
        answers = _QUESTIONS if words.protocol == IPPROTO_ICMP else _QUESTIONS6
        if number not in answers:
            return None
        number = answers[number]
    flags = 0
    if words.protocol == IPPROTO_TCP:
        flags = SYN_ACK if words.flags & SYN_ACK == TCP_SYN else TCP_ACK
    return Sent(_swapped(words, flags, number), ACROSS[sent.chain])


def _swapped(words: PacketWords, flags: int, icmp_type: int) -> PacketWords:
    return PacketWords(
        words.dst,
        words.src,
        words.protocol,
        words.out_interface,
        words.in_interface,
        words.dport,
        words.sport,
        flags,
        icmp_type,
    )


def _bare(sent: Sent, flags: int) -> Sent:
    """The packet without what it carries."""
    return replace(sent, words=replace(sent.words, flags=flags, payload=b"", length=0))


def candidates_in(
    region: Region, chain: str, interfaces: Interfaces, untracked: tuple[Region, ...] = ()
) -> Iterator[Candidate]:
    """Packets of the region as `chain` sees them, in each state that the region has.

    `untracked` are the regions that raw rules leave untracked. Each state may have several
    candidates: ways that it may be come to.
    """
    assert region.fields is not None
    for number, make in enumerate((_new, _established, _related, _invalid)):
        if within(region.fields[STATE], number):
            yield from make(region, chain, interfaces)
    if within(region.fields[STATE], UNTRACKED):
        for other in (*untracked, NEVER_TRACKED):
            both = region.also(other)
            if both.fields is not None:
                yield from _alone(both, chain, interfaces, UNTRACKED)


# Whatever raw says.
NEVER_TRACKED: Final = Region().with_field(
    ICMP_TYPE,
    ranges_of(
        (ICMPV6_TYPES + (number << 8), ICMPV6_TYPES + (number << 8)) for number in ICMPV6_UNTRACKED
    ),
)


def _alone(
    region: Region, chain: str, interfaces: Interfaces, state: int, wanted: Wanted | None = None
) -> Iterator[Candidate]:
    words = words_of(region, chain, interfaces, wanted)
    if words is not None:
        yield Candidate((Sent(words, chain),), STATE_WORDS[state])


def _new(region: Region, chain: str, interfaces: Interfaces) -> Iterator[Candidate]:
    yield from _alone(region, chain, interfaces, NEW)


def _established(region: Region, chain: str, interfaces: Interfaces) -> Iterator[Candidate]:
    """An answer, and a packet behind an answer; first as the rules let it come to that."""
    found = [*_answers(region, chain, interfaces), *_later(region, chain, interfaces)]
    for steps in found:
        yield Candidate(steps, STATE_WORDS[ESTABLISHED])
    for steps in found:
        yield Candidate(steps, STATE_WORDS[ESTABLISHED], opened=True)


def _answers(region: Region, chain: str, interfaces: Interfaces) -> Iterator[tuple[Sent, ...]]:
    types = (0, ICMPV6_TYPES + (129 << 8), 14 << 8, 16 << 8, 18 << 8)
    words = words_of(region, chain, interfaces, {FLAGS: (SYN_ACK, *_LATER_FLAGS), ICMP_TYPE: types})
    if words is None:
        return
    sent = Sent(words, chain)
    question = words.icmp_type
    if words.protocol in (IPPROTO_ICMP, IPPROTO_ICMPV6):
        questions = _ANSWERS if words.protocol == IPPROTO_ICMP else _ANSWERS6
        if question not in questions:
            return
        question = questions[question]
    flags = TCP_SYN if words.protocol == IPPROTO_TCP else 0
    opening = Sent(_swapped(words, flags, question), ACROSS[chain])
    if words.protocol != IPPROTO_TCP or words.flags & 0x17 == SYN_ACK:
        yield opening, sent
        return
    third = replace(opening, words=replace(opening.words, flags=TCP_ACK))
    yield opening, _bare(sent, SYN_ACK), third, sent


def _later(region: Region, chain: str, interfaces: Interfaces) -> Iterator[tuple[Sent, ...]]:
    """A packet of the side that opened the connection, behind an answer."""
    words = words_of(region, chain, interfaces, {FLAGS: _LATER_FLAGS})
    if words is None:
        return
    sent = Sent(words, chain)
    opening = _bare(sent, TCP_SYN if words.protocol == IPPROTO_TCP else 0)
    answer = answer_of(opening)
    if answer is not None:
        yield opening, answer, sent


def _related(region: Region, chain: str, interfaces: Interfaces) -> Iterator[Candidate]:
    """An ICMP error about a connection. What a helper expects is not made here."""
    errors = region.with_field(PROTO, _ICMP_BOTH)
    for family in (_ERRORS, _ERRORS6):
        pairs = ranges_of((number, number) for number in family)
        words = words_of(
            errors.with_field(ICMP_TYPE, pairs), chain, interfaces, {ICMP_TYPE: family}
        )
        if words is None:
            continue
        for protocol in _ABOUT:
            opening = PacketWords(
                words.dst,
                words.src,
                protocol,
                words.out_interface,
                words.in_interface,
                40000,
                443,
                TCP_SYN if protocol == IPPROTO_TCP else 0,
            )
            steps = Sent(opening, ACROSS[chain]), Sent(words, chain, is_error=True)
            for opened in (False, True):
                yield Candidate(steps, STATE_WORDS[RELATED], opened)


def _invalid(region: Region, chain: str, interfaces: Interfaces) -> Iterator[Candidate]:
    """Flags that contradict each other, an answer and an error to nothing, ICMP of no meaning."""
    bad = region.with_field(FLAGS, ranges_of((flags, flags) for flags in _BAD_FLAGS))
    yield from _alone(bad, chain, interfaces, INVALID, {FLAGS: _BAD_FLAGS})
    types = region.with_field(PROTO, _ICMP_BOTH)
    asked = (8 << 8, ICMPV6_TYPES + (128 << 8))
    if types.fields is not None:
        left = without(types.fields[ICMP_TYPE], ranges_of((n, n | 255) for n in asked))
        never = ranges_of(
            (ICMPV6_TYPES + (n << 8), ICMPV6_TYPES + (n << 8 | 255)) for n in ICMPV6_UNTRACKED
        )
        wanted = (0, *_ERRORS, ICMPV6_TYPES + (129 << 8), *_ERRORS6)
        answers = types.with_field(ICMP_TYPE, without(left, never) or FULL[ICMP_TYPE])
        yield from _alone(answers, chain, interfaces, INVALID, {ICMP_TYPE: wanted})


def is_only_icmp(region: Region) -> bool:
    """Whether it has ICMP and ICMPv6 alone."""
    return region.fields is not None and not touch(
        region.fields[PROTO], without(FULL[PROTO], _ICMP_BOTH)
    )

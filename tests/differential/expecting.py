"""Helpers before both judges: exchanges packet by packet, with verdicts and what is expected.

The kernel's helpers are assigned by `CT --helper`, ours by raw rules, for the same ports. After
each packet state, direction, whether it went on, and all expectations must be the same.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.expectation import Expectation
from firewalld_py.conntrack.flow import address_size, protocol_of
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.pipeline import Firewall
from firewalld_py.rules.build import build_ruleset
from firewalld_py.rules.verdicts import ACCEPT
from tests import wire
from tests.differential.answer import ANSWERS, Answer
from tests.differential.describe import describe
from tests.differential.entries import (
    TOLERANCE_S,
    Entry,
    difference,
    expectation_fields,
    our_entry,
)
from tests.differential.kernel import KernelJudge, run
from tests.differential.ours import DROP_MARK
from tests.plans import plan, rule, template

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# (helper, protocol, port of the control connection, IP versions)
ASSIGNED: Final[tuple[tuple[str, int, int, tuple[int, ...]], ...]] = (
    ("ftp", wire.TCP, 21, (4, 6)),
    ("Q.931", wire.TCP, 1720, (4, 6)),
    ("RAS", wire.UDP, 1719, (4, 6)),
    ("sip", wire.UDP, 5060, (4, 6)),
    ("sip", wire.TCP, 5060, (4, 6)),
    ("pptp", wire.TCP, 1723, (4,)),
    ("irc", wire.TCP, 6667, (4,)),
    ("tftp", wire.UDP, 69, (4, 6)),
    ("tftp", wire.UDP, 6969, (4, 6)),
    ("sane", wire.TCP, 6566, (4, 6)),
    ("amanda", wire.UDP, 10080, (4, 6)),
)
_PROTOCOL_NAMES: Final = {wire.TCP: "tcp", wire.UDP: "udp"}
ANY_PORT: Final = -1


class Expected(NamedTuple):
    """One expectation, of either judge. `src_mask` is b"" if the whole source counts, or none."""

    src: bytes
    src_mask: bytes
    sport: int
    dst: bytes
    dport: int
    protocol: int
    kind: int
    flags: int


class Waiting(NamedTuple):
    """An expectation and how many seconds it still has."""

    expected: Expected
    seconds: int


class Step(NamedTuple):
    """What one judge says of one packet: its answer, whether it went on, what is expected then."""

    answer: Answer | None
    went_on: bool
    waiting: tuple[Waiting, ...]

    def agrees_with(self, other: Step) -> bool:
        if (self.answer, self.went_on) != (other.answer, other.went_on):
            return False
        mine, its = dict(self.waiting), dict(other.waiting)
        return mine.keys() == its.keys() and all(
            abs(seconds - its[expected]) <= TOLERANCE_S for expected, seconds in mine.items()
        )


class HelperKernel(KernelJudge):
    """The kernel, with its helpers assigned."""

    def __init__(self) -> None:
        super().__init__(_assign)

    def waiting(self) -> tuple[Waiting, ...]:
        return tuple(sorted(kernels_waiting(message) for message in self.expectation_messages()))

    def step(self, data: bytes) -> Step:
        answer, went_on = self.judge(data)
        return Step(answer, went_on, self.waiting())


class HelperOurs:
    """Ours, with our helpers assigned; `parameters` are those of helpers that are not default."""

    def __init__(self, parameters: Mapping[str, int] | None = None) -> None:
        settings = Settings()
        settings.helpers = {**settings.helpers, **(parameters or {})}
        self.conntrack = Conntrack(settings)
        self._firewall = Firewall(_RULESET, self.conntrack)

    def step(self, data: bytes, *, accept: bool = True) -> Step:
        """One packet, which the filter accepts or drops."""
        now = time.monotonic()
        meta = PacketMeta(mark=0 if accept else DROP_MARK)
        decision = self._firewall.handle(data, meta, now)
        waiting = tuple(
            sorted(our_waiting(one, now) for one in self.conntrack.expectations.all(now))
        )
        answer = ANSWERS.get((decision.info.state, decision.info.direction))  # None: held
        return Step(answer, decision.verdict == ACCEPT, waiting)

    def entries(self) -> list[Entry]:
        now = time.monotonic()
        return [
            our_entry(one, now) for one in self.conntrack.table.connections() if one.deadline > now
        ]


def disagreement(
    kernel: HelperKernel,
    packets: Sequence[bytes],
    parameters: Mapping[str, int] | None = None,
    reached: Counter[str] | None = None,
) -> str:
    """The history of an exchange up to where the two differ; nothing if they never do.

    `reached` counts answers by name, packets that were dropped, and expectations after each packet.
    """
    kernel.flush()
    ours = HelperOurs(parameters)
    reached = Counter() if reached is None else reached
    history: list[str] = []
    for data in packets:
        theirs, mine = kernel.step(data), ours.step(data)
        reached[str(theirs.answer)] += 1
        reached["dropped"] += not theirs.went_on
        reached["expectations"] += len(theirs.waiting)
        history.append(describe(data))
        if payload := _payload(data):
            history.append(f"    {payload!r}")
        history.append(f"    kernel: {_told(theirs)}")
        if not theirs.agrees_with(mine):
            history.append(f"    OURS:   {_told(mine)}")
            return "\n".join(history)
    entries = ours.entries()
    if (found := difference(kernel.entries(), entries)) is not None:
        return "\n".join((*history, f"the tables: {found}"))
    return ""


def _payload(data: bytes) -> bytes:
    at = 20 if data[0] >> 4 == 4 else 40
    protocol = data[9] if at == 20 else data[6]
    return data[at + (20 if protocol == wire.TCP else 8) :]


def _told(step: Step) -> str:
    waiting = "; ".join(
        f"{one.src.hex() or 'any'}/{one.src_mask.hex()} {one.sport} -> {one.dst.hex()} {one.dport} "
        f"protocol {one.protocol} kind {one.kind} flags {one.flags} for {seconds} s"
        for one, seconds in step.waiting
    )
    return f"{step.answer}{'' if step.went_on else ' DROPPED'} [{waiting}]"


def kernels_waiting(message: bytes) -> Waiting:
    """An expectation from a ctnetlink message."""
    key, mask, seconds, kind, flags = expectation_fields(message)
    size = address_size(key)
    src_mask = mask[:size]
    src = key[:size] if any(src_mask) else b""
    exact = src_mask in (b"\xff" * size, bytes(size))
    sport = int.from_bytes(key[2 * size : 2 * size + 2], "big")
    expected = Expected(
        src,
        b"" if exact else src_mask,
        sport if any(mask[2 * size : 2 * size + 2]) else ANY_PORT,
        key[size : 2 * size],
        int.from_bytes(key[2 * size + 2 : 2 * size + 4], "big"),
        protocol_of(key),
        kind,
        flags,
    )
    return Waiting(expected, seconds)


def our_waiting(one: Expectation, now: float) -> Waiting:
    """An expectation of ours in the same terms."""
    src_mask = b"" if one.src_mask == b"\xff" * len(one.src) else one.src_mask
    expected = Expected(
        one.src, src_mask, one.sport, one.dst, one.dport, one.protocol, one.kind, one.flags
    )
    return Waiting(expected, int(one.deadline - now))


def _assign() -> None:
    for version, command in ((4, "iptables"), (6, "ip6tables")):
        for helper, protocol, port, versions in ASSIGNED:
            if version in versions:
                match = f"-p {_PROTOCOL_NAMES[protocol]} --dport {port}"
                words = f"{command} -t raw -A PREROUTING {match} -j CT --helper {helper}"
                run(words.split())


_RULESET: Final = build_ruleset(
    plan(
        [rule("drop", ("mark", [[DROP_MARK, 0xFFFFFFFF]]))],
        prerouting=[
            rule(
                "continue",
                ("proto", [protocol]),
                ("dport", [[port, port]]),
                template=template(helper=helper),
            )
            for helper, protocol, port, _versions in ASSIGNED
        ],
    )
)

"""The language of the trace files: cases, and one line per packet.

    == A SYN/ACK nobody asked for is INVALID
    with tcp_loose=no          # settings and timeouts by their names in the configuration
    only ipv4                  # else the case is run with IPv4 and with IPv6
    after a TCP connection that is established       # another case's packets come first
    client S  seq=1000           -> NEW [SYN_SENT 120s]
    server SA seq=5000 ack=1001 +0.1s -> ESTABLISHED reply
    unsent client udp as=lost    # never sent, only quoted
    router time-exceeded about=lost -> INVALID icmp_error_unrelated

A packet line is

    WHO WHAT [KEY=VALUE ...] [+TIME] [dropped|notrack] -> STATE [reply] [REASON] [[ENTRY]]

`+TIME` is how long after the packet before it comes (s, m, h or d; none: at once). `dropped`
packets are refused by a filter rule, `notrack` ones exempted by a raw rule. The state is that of
nf_conntrack; an INVALID packet names its reason. A direction that is not said is the original one.
ENTRY is what the table holds of the packet's flow afterwards: `[no entry]`, or the state (of TCP
and SCTP), the time it has left, and `assured` if it is. What each WHAT and KEY means stands in
octets.py.

Whatever is not in the language is an error with the file and the line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from firewalld_py.conntrack.connection import STATE_NAMES
from firewalld_py.conntrack.sctp_states import STATE_NAMES as SCTP_STATE_NAMES
from firewalld_py.conntrack.tcp_states import STATE_NAMES as TCP_STATE_NAMES
from firewalld_py.packet.reasons import REASON_NAMES

DIRECTORY: Final = Path(__file__).parent
FAMILIES: Final = (4, 6)
_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TIME: Final = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_PACKET: Final = re.compile(
    r"(?P<sent>[^>\[\]]+?)\s*->\s*(?P<said>[^\[\]]+?)(?:\s*\[(?P<entry>.*)\])?"
)
_STATES: Final = frozenset(STATE_NAMES.values())
_ENTRY_STATES: Final = frozenset({*TCP_STATE_NAMES, *SCTP_STATE_NAMES})


class TraceError(Exception):
    """A trace file says something that is not in the language."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the state table holds of a flow. `state` is that of TCP or SCTP, "" for the others."""

    state: str
    left_s: float
    assured: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One packet and what is to be said of it.

    `expected` is (state, direction, reason), the last two "" where they mean nothing, or None for a
    packet that is not sent. `entry` is None if the line says nothing of the table, and "no entry"
    if the flow is to have none.
    """

    place: str
    text: str
    who: str
    what: str
    keys: dict[str, str]
    delay_s: float = 0.0
    dropped: bool = False
    notrack: bool = False
    expected: tuple[str, str, str] | None = None
    entry: Entry | str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One behaviour: its title, and the packets that show it."""

    place: str
    title: str
    after: str = ""
    families: tuple[int, ...] = FAMILIES
    settings: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)


def read_cases(directory: Path = DIRECTORY) -> dict[str, Case]:
    """All cases of all trace files by title, in order. Raises TraceError."""
    cases: dict[str, Case] = {}
    for path in sorted(directory.glob("*.trace")):
        for case in parse_cases(path.read_text(), path.name):
            if case.title in cases:
                raise TraceError(f"{case.place}: {cases[case.title].place} has the same title")
            cases[case.title] = case
    for case in cases.values():
        if case.after and case.after not in cases:
            raise TraceError(f"{case.place}: after a case that does not exist: {case.after}")
    return cases


def parse_cases(text: str, name: str) -> list[Case]:
    """The cases of one trace file, whose `name` is for the places. Raises TraceError."""
    cases: list[Case] = []
    for number, written in enumerate(text.splitlines(), 1):
        place = f"{name}:{number}"
        line = written.split("#", 1)[0].strip()
        if not line:
            continue
        if line.startswith("== "):
            _finish(cases)
            cases.append(Case(place, line.removeprefix("== ").strip()))
        elif not cases:
            raise TraceError(f"{place}: before the first case, which begins with `== TITLE`")
        elif line.split()[0] in ("with", "only", "after"):
            cases[-1] = _directed(cases[-1], line, place)
        else:
            cases[-1].steps.append(parse_step(line, place))
    _finish(cases)
    return cases


def _finish(cases: list[Case]) -> None:
    if cases and not any(step.expected for step in cases[-1].steps):
        raise TraceError(f"{cases[-1].place}: a case without a packet: {cases[-1].title}")


def _directed(case: Case, line: str, place: str) -> Case:
    """The case with one more `with`, `only` or `after`."""
    word, _, rest = line.partition(" ")
    rest = " ".join(rest.split())
    if case.steps:
        raise TraceError(f"{place}: `{word}` must stand before the packets")
    after, families, settings = case.after, case.families, dict(case.settings)
    if word == "after":
        after = rest
    elif word == "only":
        if rest not in ("ipv4", "ipv6"):
            raise TraceError(f"{place}: only ipv4 or ipv6, not {rest!r}")
        families = (int(rest[-1]),)
    else:
        settings |= _keys(rest.split(), place)
    return Case(case.place, case.title, after, families, settings)


def parse_step(line: str, place: str) -> Step:
    """One packet line. Raises TraceError."""
    sent, expected, entry = line, None, None
    if line.startswith("unsent "):
        sent = line.removeprefix("unsent ")
    else:
        parts = _PACKET.fullmatch(line)
        if parts is None:
            raise TraceError(f"{place}: not a packet, `WHO WHAT ... -> STATE`: {line}")
        sent = parts["sent"]
        expected = _expected(parts["said"].split(), place)
        entry = None if parts["entry"] is None else _entry(parts["entry"], place)
    words = sent.split()
    if len(words) < 2:
        raise TraceError(f"{place}: a packet needs WHO and WHAT: {line}")
    delays = [word for word in words[2:] if word.startswith("+")]
    marks = [word for word in words[2:] if word in ("dropped", "notrack")]
    if len(delays) > 1 or len(marks) > 1:
        raise TraceError(f"{place}: one time and one of dropped or notrack at most: {line}")
    keys = _keys([word for word in words[2:] if word not in delays + marks], place)
    return Step(
        place,
        line,
        words[0],
        words[1],
        keys,
        delay_s=_seconds(delays[0][1:], place) if delays else 0.0,
        dropped="dropped" in marks,
        notrack="notrack" in marks,
        expected=expected,
        entry=entry,
    )


def _keys(words: list[str], place: str) -> dict[str, str]:
    keys: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not value or key in keys:
            raise TraceError(f"{place}: KEY=VALUE is wanted, each key once, not {word!r}")
        keys[key] = value
    return keys


def _expected(words: list[str], place: str) -> tuple[str, str, str]:
    state, rest = words[0], words[1:]
    if state not in _STATES:
        raise TraceError(f"{place}: no state: {state}")
    if state == "INVALID":
        if len(rest) != 1 or rest[0] not in REASON_NAMES:
            raise TraceError(f"{place}: INVALID needs its reason, not {rest}")
        return state, "", rest[0]
    if state == "UNTRACKED" and not rest:
        return state, "", ""
    if state != "UNTRACKED" and rest in ([], ["reply"]):
        return state, "reply" if rest else "original", ""
    raise TraceError(f"{place}: {state} cannot be {' '.join(rest)!r}")


def _entry(text: str, place: str) -> Entry | str:
    if text == "no entry":
        return text
    words = text.split()
    assured = words[-1:] == ["assured"]
    if assured:
        words.pop()
    state = words.pop(0) if words and words[0] in _ENTRY_STATES else ""
    if len(words) != 1:
        raise TraceError(f"{place}: [[STATE] TIME [assured]] or [no entry], not [{text}]")
    return Entry(state, _seconds(words[0], place), assured)


def _seconds(text: str, place: str) -> float:
    time = _TIME.fullmatch(text)
    if time is None:
        raise TraceError(f"{place}: a time is a number with s, m, h or d, not {text!r}")
    return float(time[1]) * _SECONDS[time[2]]

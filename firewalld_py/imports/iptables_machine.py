"""Matches of iptables that ask the machine: its clock, its routes, its reassembly."""

from __future__ import annotations

import re
from typing import Final

from firewalld_py.imports.conditions import NotExpressible, Words
from firewalld_py.imports.iptables_options import Given
from firewalld_py.imports.ruling import Ruling
from firewalld_py.policy.matches_routes import ADDRESS_TYPES

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONTHDAYS: Final = tuple(str(day) for day in range(1, 32))
TIME: Final = {
    **{f"--{name}": 1 for name in ("timestart", "timestop", "datestart", "datestop")},
    "--weekdays": 1,
    "--monthdays": 1,
    "--contiguous": 0,
    "--kerneltz": 0,
    "--utc": 0,
}
ADDRTYPE: Final = {
    "--src-type": 1,
    "--dst-type": 1,
    "--limit-iface-in": 0,
    "--limit-iface-out": 0,
}
RPFILTER: Final = {"--loose": 0, "--validmark": 0, "--accept-local": 0, "--invert": 0}
NO_END: Final = "2038-01-19T03:14:07"  # what iptables-save prints for --datestop without one
NEVER_IN_IPTABLES: Final = frozenset(("blackhole", "unreachable", "prohibit"))


def _word(ruling: Ruling, key: str, value: str, *, negated: bool) -> None:
    ruling.ask([{key: Words("", (value,)) if negated else Words(value)}])


def _yaml_list(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"[{', '.join(words)}]"


def match_time(ruling: Ruling, given: Given) -> None:
    """`-m time`; its seconds and its days are ours, but for --contiguous, which is our default."""
    parts = []
    for option, key in (("--timestart", "from"), ("--timestop", "to")):
        if option in given:
            parts.append(f'{key}: "{_padded(given[option][1][0])}"')
    for option, key, names in (
        ("--weekdays", "weekdays", WEEKDAYS),
        ("--monthdays", "monthdays", MONTHDAYS),
    ):
        if option in given:
            negated, words = given[option]
            parts.append(f"{key}: {_yaml_list(_days(words[0], names, negated=negated))}")
    for option, key in (("--datestart", "date_from"), ("--datestop", "date_to")):
        if option in given and given[option][1][0] != NO_END:
            parts.append(f'{key}: "{_date(given[option][1][0])}"')
    if not parts:
        return
    starts, stops = (given.get(f"--time{end}", (False, [""]))[1][0] for end in ("start", "stop"))
    if "--contiguous" not in given and starts > (stops or "24"):
        parts.append("contiguous: false")
    if "--kerneltz" in given:
        parts.append("zone: local")
        ruling.almost("the kernel's time zone does not change its clocks by itself, local does")
    _word(ruling, "time", f"{{{', '.join(parts)}}}", negated=False)


def _padded(text: str) -> str:
    if not re.fullmatch("[0-9]{2}:[0-9]{2}(:[0-9]{2})?", text):
        raise NotExpressible(f"{text} is no time of day")
    return text if len(text) > len("08:00") else f"{text}:00"


def _date(text: str) -> str:
    day, _, clock = text.partition("T")
    if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", day):
        raise NotExpressible(f"{text} is no date")
    return f"{day} {_padded(clock or '00:00')}"


def _days(text: str, names: tuple[str, ...], *, negated: bool) -> list[str]:
    """Those of a list, in order; days of the week also by their numbers."""
    found = set()
    for word in text.lower().split(","):
        name = word[:3] if names is WEEKDAYS else word
        if names is WEEKDAYS and re.fullmatch("[1-7]", word):
            name = names[int(word) - 1]
        if name not in names:
            raise NotExpressible(f"there is no day {word}")
        found.add(name)
    days = [name for name in names if (name in found) != negated]
    if not days:
        raise NotExpressible("no day is left")
    return days


def address_type(ruling: Ruling, given: Given) -> None:
    """`-m addrtype`."""
    for option in ("--limit-iface-in", "--limit-iface-out"):
        if option in given:
            raise NotExpressible(
                f"addrtype {option} has no like in our language", "add in: or out:, or leave it out"
            )
    for option, key in (("--src-type", "src_type"), ("--dst-type", "dst_type")):
        if option not in given:
            continue
        negated, words = given[option]
        names = words[0].lower().split(",")
        for name in names:
            if name not in ADDRESS_TYPES:
                raise NotExpressible(f"there is no type of address {name}")
        if ruling.family == 4 and NEVER_IN_IPTABLES & set(names):
            ruling.almost("iptables never meets a type of route that refuses; ours does")
        if ruling.family == 6 and len(names) > 1:
            ruling.almost("ip6tables asks for some of several types all at once, ours for any")
        _word(ruling, key, _yaml_list(names), negated=negated)


def reverse_path(ruling: Ruling, given: Given) -> None:
    """`-m rpfilter`."""
    if "--validmark" in given:
        ruling.almost("reverse_path knows no policy rules, and so no marks")
    mode = "loose" if "--loose" in given else "strict"
    value = f"{{mode: {mode}, accept_local: true}}" if "--accept-local" in given else mode
    _word(ruling, "reverse_path", value, negated="--invert" in given)


def fragment(ruling: Ruling, negated: bool, words: list[str]) -> None:  # noqa: ARG001
    """`-f`."""
    ruling.almost("a datagram in fragments is judged once, as a whole, its first fragment with it")
    _word(ruling, "fragment", "true", negated=negated)

"""Rule sets of a chosen size, none of whose first rules the bench's traffic meets."""

from __future__ import annotations

from typing import Final

_ANSWERS: Final = "- {name: answers, state: [established, related], action: accept}"
_LAST: Final = (
    "- {name: through, in: lan0, out: wan0, action: accept}",
    "- {name: back, in: wan0, out: lan0, action: accept}",
)


def filler(number: int) -> str:
    """One of four kinds in turn: a blocked host, a port, a network's web, a network's DNS."""
    high, low = divmod(number % 65536, 256)
    kind = number % 4
    if kind == 0:
        return f"- {{src: 192.18.{high}.{low}, action: drop}}"
    if kind == 1:
        return f"- {{proto: udp, dport: {40000 + number % 25000}, action: accept}}"
    if kind == 2:
        network = f"198.{high}.{low}.0/24"
        return f"- {{in: lan0, dst: {network}, proto: tcp, dport: [80, 443], action: accept}}"
    network = f"10.{2 + high}.{low}.0/24"
    return f"- {{state: new, src: {network}, proto: udp, dport: 53, action: accept}}"


def rules(before: int, answers_first: bool = False) -> str:
    """A rules file: `before` rules that are not met, then those which let the traffic through.

    With `answers_first` a rule for established connections stands before all others, as most
    administrators have it; without, every packet has the whole chain before its match.
    """
    lines = [filler(number) for number in range(before)]
    if answers_first:
        lines.insert(0, _ANSWERS)
    chain = "\n".join(f"      {line}" for line in (*lines, *_LAST))
    return f"version: 1\nfilter:\n  forward:\n    policy: drop\n    rules:\n{chain}\n"

"""Where we differ from the kernel on purpose: each with a name and the reason.

The harness counts these apart. A disagreement that is not listed is a defect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.differential.answer import Answer


@dataclass(frozen=True, slots=True)
class Departure:
    """A known difference: whether protocol, the kernel's answer, ours and the switches are one."""

    name: str
    reason: str
    applies: Callable[[int, Answer, Answer, Mapping[str, int]], bool]


def _udplite_with_checksums(
    protocol: int, kernel: Answer, ours: Answer, switches: Mapping[str, int]
) -> bool:
    return bool(
        switches.get("checksum")
        and kernel.state == "INVALID"
        and ours.state != "INVALID"
        and protocol == wire.UDPLITE
    )


DEPARTURES: Final[tuple[Departure, ...]] = (
    Departure(
        "udplite-checksum",
        "with checksum checking on, this kernel calls UDP-Lite packets with right checksums wrong",
        _udplite_with_checksums,
    ),
)


def departure(protocol: int, kernel: Answer, ours: Answer, switches: Mapping[str, int]) -> str:
    """The name of the known difference that this disagreement is, or nothing."""
    for known in DEPARTURES:
        if known.applies(protocol, kernel, ours, switches):
            return known.name
    return ""

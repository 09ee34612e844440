"""Where we differ from the kernel on purpose: each with a name and the reason.

The harness counts these apart. A disagreement that is not listed is a defect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests import wire
from tests.differential.kernel import fragment_header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tests.differential.answer import Answer
    from tests.differential.entries import Difference


@dataclass(frozen=True, slots=True)
class Departure:
    """A known difference: whether protocol, the kernel's answer, ours and the switches are one."""

    name: str
    reason: str
    applies: Callable[[int, Answer, Answer, Mapping[str, int]], bool]


@dataclass(frozen=True, slots=True)
class TableDeparture:
    """A known difference of the tables: whether this one, after these packets, is it."""

    name: str
    reason: str
    applies: Callable[[Difference, Iterable[bytes]], bool]


def _udplite_with_checksums(
    protocol: int, kernel: Answer, ours: Answer, switches: Mapping[str, int]
) -> bool:
    return bool(
        switches.get("checksum")
        and kernel.state == "INVALID"
        and ours.state != "INVALID"
        and protocol == wire.UDPLITE
    )


def _octets_of_atomic_fragments(found: Difference, packets: Iterable[bytes]) -> bool:
    fragments = any(fragment_header(data) is not None for data in packets)
    return fragments and found.kind.split(": ")[1].startswith("octets")


DEPARTURES: Final[tuple[Departure, ...]] = (
    Departure(
        "udplite-checksum",
        "with checksum checking on, this kernel calls UDP-Lite packets with right checksums wrong",
        _udplite_with_checksums,
    ),
)


TABLE_DEPARTURES: Final[tuple[TableDeparture, ...]] = (
    TableDeparture(
        "atomic-fragment-octets",
        "the kernel counts an IPv6 packet that is its own only fragment without fragment header",
        _octets_of_atomic_fragments,
    ),
)

REASONS: Final[dict[str, str]] = {
    **{known.name: known.reason for known in DEPARTURES},
    **{known.name: known.reason for known in TABLE_DEPARTURES},
}


def departure(protocol: int, kernel: Answer, ours: Answer, switches: Mapping[str, int]) -> str:
    """The name of the known difference that this disagreement is, or nothing."""
    for known in DEPARTURES:
        if known.applies(protocol, kernel, ours, switches):
            return known.name
    return ""


def table_departure(found: Difference, packets: Iterable[bytes]) -> str:
    """The name of the known difference that this one of the tables is, or nothing."""
    for known in TABLE_DEPARTURES:
        if known.applies(found, packets):
            return known.name
    return ""

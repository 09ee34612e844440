"""Lists in conditions: $defines may stand in those of addresses, interfaces and ports only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, cast

from firewalld_py.policy import packet_values
from firewalld_py.policy.addresses import EXPECTED as ADDRESS
from firewalld_py.policy.addresses import AddressRange, address_range, merged
from firewalld_py.policy.defines import REFERENCE, ListField
from firewalld_py.policy.errors import Fault, quoted
from firewalld_py.policy.keys import Parser, Reading, each, text_of
from firewalld_py.policy.nodes import Node, Scalar
from firewalld_py.policy.shapes import AnyOf, OneOrMore, reads, shape_of


def ports_merged(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The same ports in as few ranges as possible, in ascending order."""
    result: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if result and low <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(high, result[-1][1]))
        else:
            result.append((low, high))
    return tuple(result)


def _merge_addresses(found_ranges: Iterable[object]) -> tuple[object, ...]:
    return merged(cast("Iterable[AddressRange]", found_ranges))


def _merge_ports(found_ranges: Iterable[object]) -> tuple[object, ...]:
    return ports_merged(cast("Iterable[tuple[int, int]]", found_ranges))


def unique(found_values: Iterable[object]) -> tuple[object, ...]:
    return tuple(dict.fromkeys(found_values))


ADDRESSES: Final = ListField("address", ADDRESS, address_range, _merge_addresses)
PORTS: Final = ListField("port", packet_values.PORT, packet_values.port_range, _merge_ports)
INTERFACES: Final = ListField("interface", packet_values.INTERFACE, packet_values.interface, unique)


def listed(using: ListField) -> Parser:
    """A list in which $defines may stand."""

    @reads(OneOrMore(AnyOf((shape_of(using.convert), REFERENCE))))
    def parse(node: Node, reading: Reading) -> object:
        assert reading.defines is not None
        try:
            return reading.defines.read(node, reading, using)
        except Fault as fault:
            known = (*reading.defines.nodes, *reading.defines.sets)
            if isinstance(node, Scalar) and node.text in known:
                raise Fault(fault.message, f"${node.text}") from None
            raise

    return parse


def plain_list(convert: Callable[[str], object], expected: str) -> Parser:
    """A list of texts without $defines."""

    def converted(text: str) -> object:
        if text.startswith("$"):
            raise Fault(
                f"expected {expected}, found {quoted(text)}: defines are for "
                "addresses, interfaces and ports"
            )
        return convert(text)

    @reads(OneOrMore(shape_of(convert)))
    def parse(node: Node, reading: Reading) -> object:
        if isinstance(node, Scalar):
            return (converted(text_of(node, expected)),)
        return unique(each(node, reading, converted, expected))

    return parse

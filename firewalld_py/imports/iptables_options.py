"""What each option of iptables' matches asks of a packet."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable
from functools import reduce
from operator import or_
from typing import Final

from firewalld_py.imports.conditions import (
    STATE_TOP,
    TRACKED,
    Bits,
    Interface,
    NotExpressible,
    Numbers,
    Ranges,
    Words,
    numbers,
    states,
)
from firewalld_py.imports.ruling import Ruling
from firewalld_py.policy import packet_values
from firewalld_py.policy.errors import Fault
from firewalld_py.policy.matches_packet import DSCP_CLASSES, IPV6_HEADERS
from firewalld_py.policy.names import ICMP, ICMPV6, PROTOCOLS, STATES, SYN_MASK

MAX_SCATTERED: Final = 8  # bits of a mask with gaps that are written out as ranges

# Reads an option's words into the rule; raises NotExpressible.
Reader = Callable[[Ruling, bool, list[str]], None]
# All options of a match, each with whether it was negated and its words; and what reads them.
Given = dict[str, tuple[bool, list[str]]]
MatchReader = Callable[[Ruling, Given], None]


def protocol_number(text: str) -> int:
    """The number of a protocol; 0 for any."""
    text = text.lower()
    number = PROTOCOLS.get(text, -1)
    if re.fullmatch("[0-9]{1,3}", text):
        number = int(text)
    elif text == "all":
        number = 0
    elif number < 0:
        try:
            number = socket.getprotobyname(text)
        except OSError:
            raise NotExpressible(f"protocol {text} is unknown", "write its number") from None
    if number > 255:
        raise NotExpressible(f"there is no protocol {text}")
    return number


def protocol(ruling: Ruling, negated: bool, words: list[str]) -> None:
    number = protocol_number(words[0])
    if number == 0:  # any protocol
        ruling.ask([] if negated else [{}])
        return
    ruling.ask_for({"proto": Numbers(((number, number),), 255)}, negated=negated)


def interface(key: str) -> Reader:
    def read(ruling: Ruling, negated: bool, words: list[str]) -> None:
        pattern = words[0]
        if pattern == "+":
            ruling.ask([] if negated else [{}])
            return
        if pattern.endswith("+"):
            pattern = f"{pattern[:-1]}*"
        try:
            packet_values.interface(pattern)
        except Fault:
            pattern = ""
        if not pattern or words[0].endswith("*"):
            raise NotExpressible(f"the interface {words[0]} has no name that we can write")
        ruling.ask_for({key: Interface(pattern)}, negated=negated)

    return read


def _bits_of(family: int) -> int:
    return 32 if family == 4 else 128


def address_part(family: int, texts: str) -> Numbers:
    """Addresses and networks with commas between them."""
    ranges = [span for text in texts.split(",") for span in _network(family, text)]
    return numbers(ranges, (1 << _bits_of(family)) - 1)


def address(key: str) -> Reader:
    def read(ruling: Ruling, negated: bool, words: list[str]) -> None:
        part = address_part(ruling.family, words[0])
        if part.is_any():
            ruling.ask([] if negated else [{}])
        else:
            ruling.ask_for({key: part}, negated=negated)

    return read


def _network(family: int, text: str) -> list[tuple[int, int]]:
    """The ranges of ADDRESS, ADDRESS/LENGTH or ADDRESS/MASK; a mask may have gaps."""
    bits = _bits_of(family)
    base_text, _, mask_text = text.partition("/")
    base = _number(family, base_text)
    full = (1 << bits) - 1
    if re.fullmatch("[0-9]{1,3}", mask_text) and int(mask_text) <= bits:
        mask = full ^ (full >> int(mask_text))
    else:
        mask = _number(family, mask_text) if mask_text else full
    open_bits = full & ~mask
    low_run = (open_bits ^ (open_bits + 1)) >> 1 if open_bits & 1 else 0
    gaps = [1 << bit for bit in range(bits) if open_bits & ~low_run & 1 << bit]
    if len(gaps) > MAX_SCATTERED:
        raise NotExpressible(f"the mask of {text} has gaps", "name the networks one by one")
    bases = [base & mask]
    for gap in gaps:
        bases += [start | gap for start in bases]
    return [(start, start | low_run) for start in bases]


def _number(family: int, text: str) -> int:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise NotExpressible(f"{text} is no address", "names are never resolved") from None
    if address.version != family:
        raise NotExpressible(f"{text} is no IPv{family} address")
    return int(address)


def address_range(key: str) -> Reader:
    def read(ruling: Ruling, negated: bool, words: list[str]) -> None:
        first, _, last = words[0].partition("-")
        low = _number(ruling.family, first)
        high = _number(ruling.family, last or first)
        part = Numbers(((low, high),), (1 << _bits_of(ruling.family)) - 1)
        if part.is_any():
            ruling.ask([] if negated else [{}])
        else:
            ruling.ask_for({key: part}, negated=negated)

    return read


def port_part(text: str) -> Numbers:
    ranges: list[tuple[int, int]] = []
    for item in text.split(","):
        low, colon, high = item.partition(":")
        first = _port(low or "0")
        ranges.append((first, _port(high or "65535") if colon else first))
    return numbers([span for span in ranges if span[0] <= span[1]], 65535)


def _port(text: str) -> int:
    try:
        return packet_values.port_range(text)[0]
    except Fault as fault:
        raise NotExpressible(fault.message, "write the port's number") from None


def ports(key: str) -> Reader:
    def read(ruling: Ruling, negated: bool, words: list[str]) -> None:
        part = port_part(words[0])
        if not part.ranges or part.is_any():
            ruling.ask([{}] if bool(part.ranges) != negated else [])
        else:
            ruling.ask_for({key: part}, negated=negated)

    return read


def either_port(ruling: Ruling, negated: bool, words: list[str]) -> None:
    """multiport's --ports: one of both. As alternatives: the source, or only the destination."""
    part = port_part(words[0])
    if part.is_any():
        ruling.ask([] if negated else [{}])
        return
    (other,) = part.negated()
    if negated:
        ruling.ask([{"sport": other, "dport": other}])
    else:
        ruling.ask([{"sport": part}, {"sport": other, "dport": part}])


def icmp(ruling: Ruling, negated: bool, words: list[str]) -> None:
    if words[0] in ("any", "255", "255/255") and ruling.family == 4:
        ruling.ask([] if negated else [{}])
        return
    try:
        _, kind, low, high = packet_values.icmp_type(ICMP if ruling.family == 4 else ICMPV6)(
            words[0]
        )
    except Fault as fault:
        raise NotExpressible(fault.message, "write the type's number") from None
    part = Numbers(((kind << 8 | low, kind << 8 | high),), 65535)
    ruling.ask_for({"icmp": part}, negated=negated)


def state_ranges(text: str) -> Ranges:
    """States by name, as numbers in the order of ours."""
    order = list(STATES)
    wanted: list[tuple[int, int]] = []
    for name in text.split(","):
        if name.lower() not in order:
            raise NotExpressible(
                f"there is no state {name}: addresses are translated by the kernel, not by us"
            )
        place = order.index(name.lower())
        wanted.append((place, place))
    return numbers(wanted, STATE_TOP).ranges


def state(ruling: Ruling, negated: bool, words: list[str]) -> None:
    if ruling.table == "raw":
        raise NotExpressible("the state is not known in raw, which comes before tracking")
    part = Numbers(state_ranges(words[0]), STATE_TOP)
    if part.is_any():
        ruling.ask([] if negated else [{}])
    else:
        ruling.ask_for({"state": part}, negated=negated)


def syn(ruling: Ruling, negated: bool, words: list[str]) -> None:  # noqa: ARG001
    _ask_bits(ruling, "tcp_flags", (0x02, SYN_MASK), negated=negated)


def tcp_flags(ruling: Ruling, negated: bool, words: list[str]) -> None:
    try:
        # Not packet_values.tcp_flags(): what can never match is right in iptables.
        mask, value = (
            reduce(or_, (packet_values.tcp_flag(name) for name in text.split(",")))
            for text in words
        )
    except Fault as fault:
        raise NotExpressible(fault.message) from None
    _ask_bits(ruling, "tcp_flags", (value, mask), negated=negated)


def _mark_pair(text: str) -> tuple[int, int]:
    value_text, slash, mask_text = text.partition("/")
    try:
        value = int(value_text, 0)
        return value, int(mask_text, 0) if slash else 0xFFFFFFFF
    except ValueError:
        raise NotExpressible(f"{text} is no mark") from None


def mark(key: str) -> Reader:
    def read(ruling: Ruling, negated: bool, words: list[str]) -> None:
        pair = _mark_pair(words[0])
        if key == "connmark":
            if ruling.table == "raw":
                raise NotExpressible("the connection is not known in raw")
            if pair[0] & ~pair[1] or not pair[1]:
                ruling.ask([states(TRACKED)])  # what has no connection is not asked
        _ask_bits(ruling, key, pair, negated=negated)

    return read


def _ask_bits(ruling: Ruling, key: str, pair: tuple[int, int], *, negated: bool) -> None:
    value, mask = pair
    if value & ~mask:  # never met
        ruling.ask([{}] if negated else [])
    elif not mask:
        ruling.ask([] if negated else [{}])
    else:
        ruling.ask([{key: Bits((0, 0), (pair,)) if negated else Bits(pair)}])


def label(ruling: Ruling, negated: bool, words: list[str]) -> None:
    if ruling.table == "raw":
        raise NotExpressible("the connection is not known in raw")
    if not re.fullmatch("[0-9]{1,3}", words[0]) or int(words[0]) > 127:
        raise NotExpressible(f"the label {words[0]} is known by its name only", "write its number")
    bit = 1 << int(words[0])
    # As xt_connlabel.c: a packet without a connection meets the inverse.
    ruling.ask_for({"label": Bits((bit, bit))}, negated=negated)


def length(ruling: Ruling, negated: bool, words: list[str]) -> None:
    low, colon, high = words[0].partition(":")
    first = whole(low or "0")
    last = whole(high or "65535") if colon else first
    _ask_numbers(ruling, "length", (first, last), 65535, negated=negated)


def hops(compare: str) -> Reader:
    def read(ruling: Ruling, negated: bool, words: list[str]) -> None:
        if ruling.table == "raw":
            raise NotExpressible("we see packets on their way out: one hop is gone already")
        number = whole(words[0])
        span = {"eq": (number, number), "lt": (0, number - 1), "gt": (number + 1, 255)}[compare]
        _ask_numbers(ruling, "ttl", span, 255, negated=negated)

    return read


def dscp(ruling: Ruling, negated: bool, words: list[str]) -> None:
    number = DSCP_CLASSES.get(words[0].lower(), -1)
    number = whole(words[0]) if number < 0 else number
    _ask_numbers(ruling, "dscp", (number, number), 63, negated=negated)


def tos(ruling: Ruling, negated: bool, words: list[str]) -> None:
    value, slash, mask = words[0].partition("/")
    pair = (whole(value), whole(mask) if slash else 0xFF)
    _ask_bits(ruling, "tos", pair, negated=negated)


def tcp_option(ruling: Ruling, negated: bool, words: list[str]) -> None:
    bit = 1 << min(whole(words[0]), 256)
    if not 1 < bit < 1 << 256:
        raise NotExpressible(f"there is no TCP option {words[0]}")
    ruling.ask_for({"tcp_option": Bits((bit, bit))}, negated=negated)


def whole(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise NotExpressible(f"{text} is no number") from None


def mss(ruling: Ruling, negated: bool, words: list[str]) -> None:
    low, colon, high = words[0].partition(":")
    first = whole(low or "0")
    last = whole(high or "65535") if colon else first
    value = str(first) if first == last else f"{first}-{last}"
    ruling.ask([{"mss": Words("", (value,)) if negated else Words(value)}])


def source_mac(ruling: Ruling, negated: bool, words: list[str]) -> None:
    if not re.fullmatch("[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}", words[0]):
        raise NotExpressible(f"{words[0]} is no Ethernet address")
    value = f'"{words[0].lower()}"'
    ruling.ask([{"source_mac": Words("", (value,)) if negated else Words(value)}])


def packet_type(ruling: Ruling, negated: bool, words: list[str]) -> None:
    value = words[0].lower()
    if value not in ("unicast", "broadcast", "multicast"):
        raise NotExpressible(f"there is no packet type {words[0]}")
    ruling.almost("the type is told by the destination address, not by the frame")
    ruling.ask([{"packet_type": Words("", (value,)) if negated else Words(value)}])


def ipv6_header(ruling: Ruling, given: Given) -> None:
    """-m ipv6header: one that is present among others."""
    negated, (names,) = given.get("--header", (False, [""]))
    if "--soft" not in given or names.lower() not in IPV6_HEADERS:
        raise NotExpressible(
            f"the headers {names} and no others cannot be asked for", "--soft asks for one of many"
        )
    name = names.lower()
    ruling.ask([{"ipv6_header": Words("", (name,)) if negated else Words(name)}])


def _ask_numbers(
    ruling: Ruling, key: str, span: tuple[int, int], top: int, *, negated: bool
) -> None:
    low, high = max(span[0], 0), min(span[1], top)
    if low > high or (low, high) == (0, top):
        ruling.ask([{}] if (low > high) == negated else [])
    else:
        ruling.ask_for({key: Numbers(((low, high),), top)}, negated=negated)


def comment(ruling: Ruling, negated: bool, words: list[str]) -> None:  # noqa: ARG001
    ruling.name = words[0]


def limit(ruling: Ruling, given: Given) -> None:
    """-m limit: its rate, and how many at once."""
    negated, (text,) = given.get("--limit", (False, ["3/hour"]))  # as iptables
    found = re.fullmatch(r"([0-9]{1,9})(?:/(s|m|h|d)[a-z]*)?", text)
    if negated or found is None:
        raise NotExpressible(f"the limit {text} cannot be read")
    units = {"s": "second", "m": "minute", "h": "hour", "d": "day"}
    burst = whole(given.get("--limit-burst", (False, ["5"]))[1][0])
    ruling.count_limit(f"{int(found[1])}/{units[found[2] or 's']}", burst)

"""Addresses as text and as ranges of numbers."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from firewalld_py.policy.errors import Fault, quoted
from firewalld_py.policy.shapes import Text, reads

EXPECTED: Final = "an address, a network (10.1.0.0/24), a range (10.1.0.5-10.1.0.9) or a $define"
BITS: Final = {4: 32, 6: 128}
_PREFIX: Final = re.compile(r"[0-9]{1,3}")
_LAST_OCTET: Final = re.compile(r"[0-9]{1,3}")
# For editors, which see no more of an address than its form.
_OCTET: Final = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_V4: Final = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_H16: Final = "[0-9a-fA-F]{1,4}"
_V6: Final = (
    rf"(?:(?:{_H16}:){{7}}{_H16}|(?:{_H16}:){{6}}{_V4}"
    rf"|(?=[^/-]*::)(?![^/-]*:::)(?![^/-]*::[^/-]*::)(?:(?:{_H16})?:){{2,8}}(?:{_H16}|{_V4})?)"
)
_ADDRESS_FORM: Final = (
    rf"^(?:{_V4}(?:/(?:3[0-2]|[12]?[0-9])|\s*-\s*{_V4})?"
    rf"|{_V6}(?:/(?:12[0-8]|1[01][0-9]|[1-9]?[0-9])|\s*-\s*{_V6})?)$"
)


# One address, or a network of one.
ONE_FORM: Final = rf"^(?:{_V4}(?:/32)?|{_V6}(?:/128)?)$"


class AddressRange(NamedTuple):
    """The addresses from `low` to `high`, both included, of one family (4 or 6)."""

    family: int
    low: int
    high: int


@reads(Text(_ADDRESS_FORM))
@lru_cache(maxsize=65536)
def address_range(text: str) -> AddressRange:
    """The range that an address, a network or `a-b` stands for. Raises Fault."""
    if "%" in text:
        raise Fault(
            f"{quoted(text)} has a zone; match the interface with in: or out:",
            text.partition("%")[0],
        )
    if "/" in text:
        return _network(text)
    if "-" in text:
        return _range(text)
    family, number = _address(text, text)
    return AddressRange(family, number, number)


def _address(text: str, whole: str) -> tuple[int, int]:
    """Family and number of one address that stands in the text `whole`."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise Fault(_unknown(whole), _meant(text, whole)) from None
    return address.version, int(address)


def _unknown(text: str) -> str:
    if text.startswith("!"):
        return f"expected {EXPECTED}, found {quoted(text)}; to negate, put the key under not:"
    if re.fullmatch(r"(?i)([0-9a-f]{2}[:-]){5}[0-9a-f]{2}", text):
        return f"expected {EXPECTED}, found the hardware address {quoted(text)}"
    if re.fullmatch(r"(?i)(?=.*[g-z])[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?", text):
        return f"expected {EXPECTED}, found {quoted(text)} (names are never resolved)"
    return f"expected {EXPECTED}, found {quoted(text)}"


def _meant(text: str, whole: str) -> str:
    """What a text that is no address was probably meant to be."""
    octets = text.split(".")
    if len(octets) == 4 and all(re.fullmatch(r"[0-9]+", octet) for octet in octets):
        plain = ".".join(octet.lstrip("0") or "0" for octet in octets)
        if plain != text and all(len(octet) < 4 for octet in plain.split(".")):
            return whole.replace(text, plain)
    if "," in whole:
        return f"[{', '.join(part.strip() for part in whole.split(','))}]"
    return ""


def _network(text: str) -> AddressRange:
    base, _, prefix = text.partition("/")
    family, number = _address(base, text)
    bits = BITS[family]
    if not _PREFIX.fullmatch(prefix):
        try:
            network = ipaddress.IPv4Network(f"0.0.0.0/{prefix}")
            meant = f"{base}/{network.prefixlen}" if "." in prefix else ""
        except ValueError:
            meant = ""
        raise Fault(f"expected a prefix length after the '/', found {quoted(text)}", meant)
    length = int(prefix)
    if length > bits or prefix != str(length):
        raise Fault(f"expected a prefix length from 0 to {bits}, found {quoted(text)}")
    hosts = (1 << (bits - length)) - 1
    if number & hosts:
        network_base = address_text(family, number & ~hosts)
        raise Fault(
            f"{quoted(text)} is no network: bits are set beyond its prefix "
            f"(for the one host write {base})",
            f"{network_base}/{length}",
        )
    return AddressRange(family, number, number | hosts)


def _range(text: str) -> AddressRange:
    first, _, last = text.partition("-")
    first, last = first.strip(), last.strip()
    if _LAST_OCTET.fullmatch(last) and "." in first:
        raise Fault(
            f"a range needs two whole addresses, found {quoted(text)}",
            f"{first}-{first.rpartition('.')[0]}.{last}",
        )
    family, low = _address(first, text)
    other, high = _address(last, text)
    if family != other:
        raise Fault(f"range {quoted(text)} mixes IPv4 and IPv6")
    if low > high:
        raise Fault(f"range {quoted(text)} is upside down", f"{last}-{first}")
    return AddressRange(family, low, high)


def address_text(family: int, number: int) -> str:
    """The usual text of one address."""
    return str(ipaddress.IPv4Address(number) if family == 4 else ipaddress.IPv6Address(number))


def merged(ranges: Iterable[AddressRange]) -> tuple[AddressRange, ...]:
    """The same addresses in as few ranges as possible, in ascending order."""
    result: list[AddressRange] = []
    for new in sorted(ranges):
        last = result[-1] if result else None
        if last is not None and last.family == new.family and new.low <= last.high + 1:
            if new.high > last.high:
                result[-1] = AddressRange(last.family, last.low, new.high)
        else:
            result.append(new)
    return tuple(result)


def families(ranges: Iterable[AddressRange]) -> frozenset[int]:
    """Which families occur."""
    return frozenset(found.family for found in ranges)

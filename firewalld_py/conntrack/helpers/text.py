"""Numbers and addresses in the text of a control connection, read as the kernel's helpers do.

Every function takes the octets and where to begin, and says where it ended; -1 or None where there
is nothing to be read. Numbers wrap as the kernel's do, in 32 or 16 bits.
"""

from __future__ import annotations

from typing import Final

NO_MARK: Final = -1
_ZERO: Final = 0x30
_NINE: Final = 0x39
_DOT: Final = 0x2E
_COLON: Final = 0x3A
_HEX: Final[bytes] = b"0123456789abcdefABCDEF"


def is_digit(octet: int) -> bool:
    return _ZERO <= octet <= _NINE


def read_number(text: bytes, at: int, end: int) -> tuple[int, int]:
    """Decimal digits from `at` on, as simple_strtoul(): the value (64 bits) and where it ended."""
    value = 0
    while at < end and is_digit(text[at]):
        value = (value * 10 + text[at] - _ZERO) & 0xFFFFFFFFFFFFFFFF
        at += 1
    return value, at


def read_ipv4(text: bytes, at: int, end: int, mark: int = NO_MARK) -> tuple[bytes, int]:
    """An address up to `mark`, as in4_pton(): its octets and where it ended; b"" if it is none.

    Without a mark whatever is no hexadecimal letter ends it.
    """
    numbers = [-1]
    while at < end and text[at] not in (mark, 0, _COLON):
        octet = text[at]
        if is_digit(octet):
            numbers[-1] = max(numbers[-1], 0) * 10 + octet - _ZERO
            if numbers[-1] > 255:
                return b"", at
        elif octet == _DOT:
            numbers.append(-1)
        elif mark == NO_MARK and octet not in _HEX:
            break
        else:
            return b"", at
        at += 1
    if len(numbers) != 4 or -1 in numbers:
        return b"", at
    return bytes(numbers), at


def read_ipv6(text: bytes, at: int, end: int, mark: int = NO_MARK) -> tuple[bytes, int]:
    """As read_ipv4(), for in6_pton(): hexadecimal groups, `::`, the last 32 bits maybe dotted.

    A colon behind dotted ones ends it.
    """
    begin = at
    dotted = False
    while at < end and text[at] not in (mark, 0):
        octet = text[at]
        if octet == _DOT:
            dotted = True
        elif octet not in _HEX and (octet != _COLON or dotted):
            break
        at += 1
    if at < end and mark != NO_MARK and text[at] not in (mark, 0):
        return b"", at
    return _ipv6_octets(text[begin:at]), at


def _ipv6_octets(text: bytes) -> bytes:
    halves = text.split(b"::")
    if len(halves) > 2:
        return b""
    octets: list[bytes] = []
    for place, half in enumerate(halves):
        groups = half.split(b":") if half else []
        octets.append(b"")
        for number, group in enumerate(groups):
            is_last = number == len(groups) - 1 and place == len(halves) - 1
            value = read_ipv4(group, 0, len(group))[0] if is_last and b"." in group else _hex(group)
            if not value:
                return b""
            octets[-1] += value
    if len(halves) == 1:
        return octets[0] if len(octets[0]) == 16 else b""
    missing = 16 - len(octets[0]) - len(octets[1])
    return octets[0] + bytes(missing) + octets[1] if missing >= 2 else b""


def _hex(group: bytes) -> bytes:
    """Two octets of a group: leading zeros, then four digits at most; b"" if it is none."""
    digits = group.lstrip(b"0")
    if not group or len(digits) > 4 or any(octet not in _HEX for octet in group):
        return b""
    return int(digits or b"0", 16).to_bytes(2, "big")

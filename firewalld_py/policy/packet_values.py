"""What texts mean in the conditions of a rule: ports, protocols, ICMP types, TCP flags, marks.

Every function takes the text as it stands in the file and raises Fault when it cannot read it.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final

from firewalld_py.conntrack.connection import LABELS
from firewalld_py.policy.errors import Fault, nearest, quoted
from firewalld_py.policy.names import (
    ICMP,
    ICMP_CODES,
    ICMP_PAIRS,
    ICMP_TYPES,
    ICMPV6,
    PROTOCOLS,
    STATES,
    SYN_MASK,
    TCP_FLAGS,
)
from firewalld_py.policy.shapes import Choice, Number, Text, any_case, reads
from firewalld_py.policy.values import NUMBER, named, unexpected, whole_number

PORT: Final = "a port (22), a service name (ssh), a range (1024-65535) or a $define"
INTERFACE: Final = "an interface name (eth0), one with a wildcard at its end (ppp*) or a $define"
PROTOCOL: Final = "a protocol by name (tcp) or number (0-255)"
MARK: Final = "a mark as VALUE or VALUE/MASK (0x1/0xff)"
IFNAMSIZ: Final = 16  # include/uapi/linux/if.h, with the closing zero

# For editors: a port, a service name, a range of them.
_PORT_NUMBER: Final = "(?:6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5]?[0-9]{1,4})"
_PORT_OR_NAME: Final = rf"(?:{_PORT_NUMBER}|(?=[^:]*[A-Za-z])[A-Za-z0-9][A-Za-z0-9+._-]{{0,39}})"
_PORT_FORM: Final = (
    rf"^(?:{_PORT_OR_NAME}|{_PORT_NUMBER}\s*-\s*{_PORT_NUMBER}"
    rf"|{_PORT_OR_NAME}\s*:\s*{_PORT_OR_NAME})$"
)
ONE_PORT_FORM: Final = f"^{_PORT_OR_NAME}$"
_INTERFACE_FORM: Final = r"""^(?!\.{1,2}\*?$|.+\+$)[^\s/:*!,$'"{}\[\]#]{1,15}\*?$"""
ONE_INTERFACE_FORM: Final = _INTERFACE_FORM.replace(r"\*?$", "$")
_BITS_FORM: Final = "(?:0[xX][0-9a-fA-F]{1,12}|0|[1-9][0-9]{0,9})"
ONE_MARK_FORM: Final = f"^{_BITS_FORM}$"
_OCTET_FORM: Final = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})"

_HEX: Final = re.compile(r"0[xX][0-9a-fA-F]{1,12}")

state: Final = named(STATES, f"a connection state ({', '.join(STATES)})", any_case=True)
family: Final = named({"ipv4": 4, "ipv6": 6, "4": 4, "6": 6, "inet": 4, "inet6": 6}, "ipv4 or ipv6")


@reads(Choice(tuple(PROTOCOLS)), Number(0, 255))
def protocol(text: str) -> int:
    """A protocol number from 0 to 255, by name or number."""
    number = PROTOCOLS.get(text)
    if number is not None:
        return number
    if NUMBER.fullmatch(text) and int(text) <= 255:
        return int(text)
    raise unexpected(PROTOCOL, text, nearest(text, PROTOCOLS))


@reads(Text(_INTERFACE_FORM, plain=True))
def interface(text: str) -> str:
    """An interface name, or the beginning of one with a '*' behind it."""
    if text == "*":
        raise Fault("'*' is every interface: leave the key out")
    if text.endswith("+") and text != "+":
        raise unexpected(INTERFACE, text, f"{text[:-1]}*")
    name = text.removesuffix("*")
    # As the kernel's dev_valid_name(), and none of what is YAML's or ours: a slip, not a name.
    if not name or len(name) >= IFNAMSIZ or name in (".", ".."):
        raise unexpected(INTERFACE, text)
    if re.search(r"[\s/:*!,$'\"{}\[\]#]", name):
        raise unexpected(INTERFACE, text)
    return text


@reads(Number(0, 65535), Text(_PORT_FORM))
@lru_cache(maxsize=65536)
def port_range(text: str) -> tuple[int, int]:
    """First and last port of a port, a service name or a range (`-` or `:` between the ends)."""
    if NUMBER.fullmatch(text):
        port = _port(text, text)
        return port, port
    if re.search(r"[0-9]\s*-\s*[0-9]", text):
        first, _, last = text.partition("-")
    elif ":" in text:
        first, _, last = text.partition(":")
    else:
        port = _port(text, text)
        return port, port
    low, high = _port(first.strip(), text), _port(last.strip(), text)
    if low > high:
        sign = "-" if "-" in text else ":"
        raise Fault(f"port range {quoted(text)} is upside down", f"{last}{sign}{first}")
    return low, high


def _port(text: str, whole: str) -> int:
    if NUMBER.fullmatch(text):
        if int(text) > 65535:
            raise Fault(f"ports go from 0 to 65535, found {quoted(whole)}")
        return int(text)
    if re.fullmatch(r"0[0-9]+", text):
        raise unexpected(PORT, whole, whole.replace(text, text.lstrip("0") or "0"))
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,39}", text):
        try:
            return socket.getservbyname(text)
        except OSError:
            if not _services():
                raise Fault(
                    f"service {quoted(text)} is unknown: this system has no /etc/services "
                    "(package netbase); write the number"
                ) from None
            raise unexpected(PORT, whole, _service_like(text)) from None
    raise unexpected(PORT, whole)


def _service_like(text: str) -> str:
    return nearest(text, _services()) if text[0].isalpha() else ""


@lru_cache(maxsize=1)
def _services() -> tuple[str, ...]:
    """The system's service names, for suggestions only."""
    try:
        lines = Path("/etc/services").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    return tuple(line.split()[0] for line in lines if line[:1].isalnum())


def icmp_type(protocol_number: int) -> Callable[[str], tuple[int, int, int, int]]:
    """A converter for types of ICMP (1) or ICMPv6 (58): (protocol, type, first and last code)."""
    types, pairs = ICMP_TYPES[protocol_number], ICMP_PAIRS[protocol_number]
    other = ICMPV6 if protocol_number == ICMP else ICMP
    what = "an ICMP type" if protocol_number == ICMP else "an ICMPv6 type"
    expected = f"{what} (echo-request, 8, 3/4, destination-unreachable/port)"
    if protocol_number == ICMPV6:
        expected = f"{what} (echo-request, 128, 1/4, destination-unreachable/port)"

    @reads(
        Choice((*types, *pairs)),
        Number(0, 255),
        Text(f"^(?:{'|'.join(types)}|{_OCTET_FORM})/(?:{_OCTET_FORM}|[a-z][a-z-]*)$"),
    )
    def convert(text: str) -> tuple[int, int, int, int]:
        if text in pairs:
            number, code = pairs[text]
            return protocol_number, number, code, code
        name, slash, code_text = text.partition("/")
        found = types.get(name, -1)
        if NUMBER.fullmatch(name) and int(name) <= 255:
            found = int(name)
        if found < 0:
            if name in ICMP_TYPES[other] or name in ICMP_PAIRS[other]:
                there = "icmpv6" if other == ICMPV6 else "icmp"
                raise Fault(f"expected {expected}, found {quoted(text)}, which is one of {there}")
            raise unexpected(expected, text, nearest(name, (*types, *pairs)))
        if not slash:
            return protocol_number, found, 0, 255
        code = _icmp_code(protocol_number, found, code_text, text)
        return protocol_number, found, code, code

    return convert


def _icmp_code(protocol_number: int, type_number: int, text: str, whole: str) -> int:
    codes = ICMP_CODES.get((protocol_number, type_number), {})
    if text in codes:
        return codes[text]
    if NUMBER.fullmatch(text) and int(text) <= 255:
        return int(text)
    near = nearest(text, codes)
    names = f" or one of {', '.join(codes)}" if codes and not near else ""
    meant = f"{whole.partition('/')[0]}/{near}" if near else ""
    raise Fault(f"expected a code from 0 to 255{names} after the '/', found {quoted(whole)}", meant)


# The bits of one flag's name, or of `all` or `none`.
tcp_flag: Final = named(TCP_FLAGS, f"a TCP flag ({', '.join(TCP_FLAGS)})", any_case=True)


_FLAG_FORM: Final = any_case(TCP_FLAGS)[1:-1]
_FLAGS_FORM: Final = f"{_FLAG_FORM}(?:,{_FLAG_FORM})*"


@reads(Text(rf"^\s*{_FLAGS_FORM}\s+{_FLAGS_FORM}\s*$"))
def tcp_flags(text: str) -> tuple[int, int]:
    """Mask and value from iptables' words: `SYN,RST,ACK,FIN SYN`."""
    parts = text.split()
    if len(parts) != 2:
        raise Fault(
            "expected {mask: [...], value: [...]} or iptables' words (SYN,RST,ACK,FIN SYN), "
            f"found {quoted(text)}"
        )
    mask, value = (_flag_bits(part) for part in parts)
    return checked_flags(mask, value)


def _flag_bits(text: str) -> int:
    bits = 0
    for name in text.split(","):
        bits |= tcp_flag(name)
    return bits


def checked_flags(mask: int, value: int) -> tuple[int, int]:
    """Mask and value, if a packet can match them."""
    if value & ~mask:
        lost = [name for name, bit in TCP_FLAGS.items() if name != "all" and bit & value & ~mask]
        raise Fault(f"never matches: {', '.join(lost)} must be set but is not in the mask")
    return mask, value


@reads(Choice(("syn",), any_case=True))
def syn(text: str) -> tuple[int, int]:
    """The shorthand for a connection's first packet, as iptables --syn."""
    if text.lower() != "syn":
        raise unexpected("syn (for other combinations use tcp_flags:)", text)
    return SYN_MASK, 0x02


@reads(Number(0, 0xFFFFFFFF), Text(f"^{_BITS_FORM}(?:/{_BITS_FORM})?$"))
def mark(text: str) -> tuple[int, int]:
    """Value and mask of a packet mark, both 32 bits."""
    value_text, slash, mask_text = text.partition("/")
    value = _bits32(value_text, text)
    mask = _bits32(mask_text, text) if slash else 0xFFFFFFFF
    if value & ~mask:
        raise Fault(
            f"mark {quoted(text)} has bits outside of its mask", f"{value & mask:#x}/{mask:#x}"
        )
    return value, mask


LABEL: Final = f"a label's number from 0 to {LABELS - 1}"
label: Final = whole_number(0, LABELS - 1)
ZONE: Final = "a zone's number from 0 to 65535"
zone: Final = whole_number(0, 65535)


def _bits32(text: str, whole: str) -> int:
    if NUMBER.fullmatch(text):
        number = int(text)
    elif _HEX.fullmatch(text):
        number = int(text, 16)
    else:
        raise unexpected(MARK, whole)
    if number > 0xFFFFFFFF:
        raise Fault(f"a mark has 32 bits, found {quoted(whole)}")
    return number

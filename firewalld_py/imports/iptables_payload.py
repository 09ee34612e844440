"""iptables' matches that look into packets: string and u32, as far as ours can say it."""

from __future__ import annotations

import json
import re
from typing import Final

from firewalld_py.imports.conditions import NotExpressible, Numbers, Words
from firewalld_py.imports.iptables_options import Given, whole
from firewalld_py.imports.ruling import Ruling
from firewalld_py.policy.names import TCP

UDP: Final = 17
UDPLITE: Final = 136
MAX_OFFSET: Final = 65535
# Octets before the payload, without options: of IP and of the protocol.
_IP: Final = {4: 20, 6: 40}
_OWN: Final = {TCP: 20, UDP: 8, UDPLITE: 8}
_NUMBER: Final = re.compile("0x[0-9a-fA-F]+|[0-9]+")
# 0>>22&0x3C@ steps over IP's header, 12>>26&0x3C@ over TCP's; numbers are decimal here.
_U32: Final = re.compile(
    r"(?P<ip>0>>22&60@)?(?P<tcp>12>>26&60@)?(?P<at>[0-9]{1,5})"
    r"(?:&(?P<mask>[0-9]{1,10})|>>(?P<shift>[0-9]{1,2}))?=(?P<value>[0-9]{1,10})"
)


def string(ruling: Ruling, given: Given) -> None:
    """-m string: a text in what TCP or UDP carries; iptables looks into the headers, too."""
    if "--icase" in given:
        raise NotExpressible("capitals and small letters are told apart")
    headers = _headers(ruling)
    if "--hex-string" in given:
        negated, (text,) = given["--hex-string"]
        pattern = _octets(text)
    else:
        negated, (text,) = given.get("--string", (False, [""]))
        pattern = text.encode()
    start = max(whole(given.get("--from", (False, ["0"]))[1][0]) - headers, 0)
    end = whole(given.get("--to", (False, [str(MAX_OFFSET)]))[1][0])
    end = MAX_OFFSET if end >= MAX_OFFSET else end - headers
    if end <= start or not pattern:
        raise NotExpressible("it is looked for in the headers alone, or nothing is")
    fields = [f"octets: {json.dumps(pattern.hex(' '))}"]
    if pattern.isascii() and pattern.decode().isprintable():
        fields = [f"text: {json.dumps(pattern.decode())}"]
    fields += [f"from: {start}"] if start else []
    fields += [f"to: {end}"] if end < MAX_OFFSET else []
    value = f"{{{', '.join(fields)}}}"
    ruling.almost("the text is looked for in what TCP or UDP carries, not in the headers")
    ruling.ask([{"contains": Words("", (value,)) if negated else Words(value)}])


def _octets(text: str) -> bytes:
    """The octets of --hex-string: text with hexadecimal digits between | and |."""
    found = b""
    for place, part in enumerate(text.split("|")):
        try:
            found += bytes.fromhex(part) if place % 2 else part.encode()
        except ValueError:
            raise NotExpressible(f"{part} is not hexadecimal") from None
    return found


def _headers(ruling: Ruling) -> int:
    """The octets before the payload, if there are no options."""
    return _IP[ruling.family] + _OWN[_protocol(ruling)]


def _protocol(ruling: Ruling) -> int:
    """The one protocol with payload that the rule is for."""
    found: set[int] = set()
    for conditions in ruling.segments[0].alternatives:
        part = conditions.get("proto")
        if isinstance(part, Numbers):
            found |= {number for span in part.ranges for number in span}
        else:
            found.add(0)
    if len(found) != 1 or not found <= set(_OWN):
        raise NotExpressible("ours looks into tcp, udp and udplite", "ask for one of them with -p")
    return found.pop()


def u32(ruling: Ruling, given: Given) -> None:
    """-m u32: whole octets at one place of the payload."""
    negated, (text,) = given.get("--u32", (False, [""]))
    plain = _NUMBER.sub(lambda number: str(whole(number[0])), text.replace(" ", ""))
    found = _U32.fullmatch(plain)
    if found is None:
        raise NotExpressible(f"u32 {text} is no question for some octets of the payload")
    protocol = _protocol(ruling)
    at = whole(found["at"])
    if found["ip"] and found["tcp"] and protocol == TCP:
        pass  # it counts from the payload
    elif found["ip"] and not found["tcp"] and protocol != TCP:
        at -= _OWN[protocol]
    elif not found["ip"] and not found["tcp"]:
        at -= _headers(ruling)
        ruling.almost("the place is counted from the payload, wherever headers with options end")
    else:
        at = -1
    if at < 0:
        raise NotExpressible(f"u32 {text} looks into the headers")
    skipped, octets = _value(found)
    value = f"{{at: {at + skipped}, octets: {json.dumps(octets.hex(' '))}}}"
    ruling.ask([{"payload": Words("", (value,)) if negated else Words(value)}])


def _value(found: re.Match[str]) -> tuple[int, bytes]:
    """How many of the four octets are skipped, and what the others are."""
    value = whole(found["value"])
    mask = 0xFFFFFFFF
    if found["shift"]:
        shift = whole(found["shift"])
        mask = 0xFFFFFFFF << shift & 0xFFFFFFFF if shift < 32 else 0
        value <<= min(shift, 32)
    elif found["mask"]:
        mask = whole(found["mask"])
    octets = mask.to_bytes(8, "big")[4:] if mask < 1 << 64 else b""
    looked_at = [place for place, octet in enumerate(octets) if octet]
    whole_octets = mask < 1 << 32 and all(octet in (0, 255) for octet in octets)
    if not whole_octets or not looked_at or value & ~mask:
        raise NotExpressible("u32 does not ask for whole octets")
    first, last = looked_at[0], looked_at[-1] + 1
    if last - first != len(looked_at):
        raise NotExpressible("u32 asks for octets that stand apart")
    return first, value.to_bytes(4, "big")[first:last]

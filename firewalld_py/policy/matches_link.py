"""Conditions on how a packet came over its link, one Key for each."""

from __future__ import annotations

import re
from typing import Final

from firewalld_py.policy.keys import Key
from firewalld_py.policy.lists import plain_list
from firewalld_py.policy.set_uses import or_set
from firewalld_py.policy.shapes import Text, reads
from firewalld_py.policy.values import named, unexpected

MAC: Final = "an Ethernet address (00:16:3e:5a:00:01)"
PACKET_TYPE: Final = "a type of packet (unicast, broadcast, multicast)"
# Bits as in rules.matches_link.
PACKET_TYPES: Final = {"unicast": 1, "host": 1, "broadcast": 2, "multicast": 4}

_OCTET: Final = "[0-9a-fA-F]{2}"
_MAC: Final = re.compile(rf"{_OCTET}(?::{_OCTET}){{5}}|{_OCTET}(?:-{_OCTET}){{5}}")
_BARE: Final = re.compile(rf"{_OCTET}(?:[.:-]?{_OCTET}){{5}}")


@reads(Text(f"^(?:{_MAC.pattern})$"))
def mac(text: str) -> str:
    """An Ethernet address as twelve digits."""
    if _MAC.fullmatch(text) is None:
        meant = ""
        if _BARE.fullmatch(text):
            digits = re.sub("[.:-]", "", text).lower()
            meant = ":".join(digits[at : at + 2] for at in range(0, 12, 2))
        raise unexpected(MAC, text, meant)
    return re.sub("[:-]", "", text).lower()


LINK_KEYS: Final = (
    Key(
        "source_mac",
        or_set(plain_list(mac, MAC), "source_mac"),
        f"one or a list of: {MAC}",
        "the Ethernet address of the host or router that sent the packet over the last link; what "
        "came over another kind of link has none, and meets the inverse no more. Not in output",
        also=("mac", "mac_source", "src_mac", "saddr_ether", "hwaddr"),
        example='{src: 10.1.0.9, not: {source_mac: "00:16:3e:5a:00:01"}, action: drop}',
    ),
    Key(
        "packet_type",
        plain_list(named(PACKET_TYPES, PACKET_TYPE, any_case=True), PACKET_TYPE),
        f"one or a list of: {PACKET_TYPE}",
        "to how many hosts the packet was sent, told by its destination: multicast is 224.0.0.0/4 "
        "and ff00::/8, broadcast 255.255.255.255 and what is one in a network of the interface; "
        "how the frame was addressed is not known",
        also=("pkttype", "pkt_type"),
        example="{packet_type: [broadcast, multicast], action: drop}",
    ),
)
LINK_KINDS: Final = ("source_mac", "packet_type")

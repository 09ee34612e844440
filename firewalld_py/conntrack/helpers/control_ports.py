"""Where control connections go by default: the ports that the kernel's helpers are registered for.

Nothing is assigned by port: a raw rule says which connections a helper reads. The ports are for
telling an administrator which rule is missing.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.packet.protocols import IPPROTO_TCP, IPPROTO_UDP


class ControlPort:
    """A port and the helper that reads connections to it.

    `local` helpers read only what this machine itself sends (answers to its broadcasts).
    """

    __slots__ = ("helper", "local", "port", "protocol")

    def __init__(self, helper: str, protocol: int, port: int, local: bool = False) -> None:
        self.helper = helper
        self.protocol = protocol
        self.port = port
        self.local = local


# The helpers of modules that are called otherwise: a rule may name the module.
OF_MODULE: Final[dict[str, tuple[str, ...]]] = {
    "h323": ("Q.931", "RAS"),
    "netbios_ns": ("netbios-ns",),
}
# What another helper's expectations give alone; where such connections go, its payload says.
CHILDREN_ONLY: Final = frozenset({"H.245"})

CONTROL_PORTS: Final[tuple[ControlPort, ...]] = (
    ControlPort("ftp", IPPROTO_TCP, 21),
    ControlPort("tftp", IPPROTO_UDP, 69),
    ControlPort("irc", IPPROTO_TCP, 6667),
    ControlPort("sip", IPPROTO_UDP, 5060),
    ControlPort("sip", IPPROTO_TCP, 5060),
    ControlPort("pptp", IPPROTO_TCP, 1723),
    ControlPort("amanda", IPPROTO_UDP, 10080),
    ControlPort("sane", IPPROTO_TCP, 6566),
    ControlPort("RAS", IPPROTO_UDP, 1719),
    ControlPort("Q.931", IPPROTO_TCP, 1720),
    ControlPort("netbios-ns", IPPROTO_UDP, 137, local=True),
    ControlPort("snmp", IPPROTO_UDP, 161, local=True),
)

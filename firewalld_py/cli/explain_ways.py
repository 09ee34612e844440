"""Which way a connection's packets go through this machine, as its routes say now."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING

from firewalld_py.conntrack.connection import ORIGINAL
from firewalld_py.rules.machine import Machine
from firewalld_py.rules.routes import RTN_BROADCAST, RTN_LOCAL, RTN_MULTICAST, RTN_UNICAST
from firewalld_py.service.machine_here import machine_here
from firewalld_py.service.routes import read_routes

if TYPE_CHECKING:
    from firewalld_py.policy.packet_words import PacketWords

# The chain of what answers.
OPPOSITE = {"forward": "forward", "input": "output", "output": "input"}
_FOR_US = (RTN_LOCAL, RTN_BROADCAST, RTN_MULTICAST)


class Ways:
    """This machine, without routes where they cannot be read.

    `names` are its interfaces by index, `machine` is what rules see of it. Where there are policy
    routing rules, which these routes do not know, interfaces are not guessed.
    """

    def __init__(self) -> None:
        self.names = dict(socket.if_nameindex())
        self.machine = Machine()
        self._guesses = False
        try:
            routes = read_routes()
            indexes = {name: index for index, name in self.names.items()}
            self.machine = machine_here(indexes, routes)
        except OSError:
            return
        self._guesses = not routes.other_rules

    def chain(self, words: PacketWords, wanted: str | None, direction: int) -> str:
        """The filter chain that sees a packet; `wanted` is that of the original direction."""
        if wanted is not None:
            return wanted if direction == ORIGINAL else OPPOSITE[wanted]
        if self._type(words.src) == RTN_LOCAL:
            return "output"
        return "input" if self._type(words.dst) in _FOR_US else "forward"

    def known(self, words: PacketWords, chain: str) -> PacketWords:
        """The packet with the interfaces that nobody named: those that routes lead to."""
        came, leaves = words.in_interface, words.out_interface
        if not came and chain != "output":
            came = self._interface(words.src)
        if not leaves and chain != "input":
            leaves = self._interface(words.dst)
        return replace(words, in_interface=came, out_interface=leaves)

    def indexes(self, words: PacketWords) -> dict[str, int]:
        """The numbers of interfaces; one that is not there, but was named, gets one too."""
        indexes = {name: index for index, name in self.names.items()}
        for name in (words.in_interface, words.out_interface):
            if name:
                indexes.setdefault(name, max(indexes.values(), default=0) + 1)
        return indexes

    def _type(self, address: bytes) -> int:
        routes = self.machine.routes
        return 0 if routes is None else routes.find(address).type

    def _interface(self, address: bytes) -> str:
        """Where it is certain: one route, by one interface."""
        routes = self.machine.routes
        if routes is None or not self._guesses:
            return ""
        route = routes.find(address)
        if route.type != RTN_UNICAST or len(set(route.interfaces)) != 1:
            return ""
        return self.names.get(route.interfaces[0], "")

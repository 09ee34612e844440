"""RAS (H.225.0): endpoints and their gatekeeper; where calls come from and go to.

As nf_conntrack_h323_main.c. A gatekeeper may name third parties: another gatekeeper, the endpoint
that is called. Calls to those are expected only if the configuration allows it.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from firewalld_py.conntrack.connection import EXPECTED, Connection
from firewalld_py.conntrack.expectation import PERMANENT, Expectation, Policy
from firewalld_py.conntrack.flow import in_zone, source_port
from firewalld_py.conntrack.helpers.base import IPV4, IPV6, Call, Helper
from firewalld_py.conntrack.helpers.h323_message import Q931, RAS, Message
from firewalld_py.conntrack.helpers.h323_per import Decoded, decode
from firewalld_py.conntrack.helpers.h323_types import RAS_MESSAGE
from firewalld_py.packet.protocols import IPPROTO_TCP, IPPROTO_UDP
from firewalld_py.packet.reasons import OK

POLICY: Final = Policy(32, 240.0)
UNREGISTERED_S: Final = 30.0
# The kernel counts lifetimes in its ticks, with 32 bits; half of them are for the past.
TICKS_PER_S: Final = 250
U32: Final = 0xFFFFFFFF
HALF: Final = 0x80000000
LONGEST_S: Final = 0x7FFFFFFF // TICKS_PER_S


@mypyc_attr(acyclic=True)
class RegistrationState:
    """The ports at which each side takes calls, and for how many seconds that was said to hold."""

    __slots__ = ("lifetime_s", "ports")

    def __init__(self) -> None:
        self.ports = [0, 0]
        self.lifetime_s = 0


class RasHelper(Helper):
    """`lifetime_s` is that of registrations that name none; `routed_only`: the gatekeeper calls."""

    def __init__(self, lifetime_s: int, routed_only: bool, third_parties: bool) -> None:
        super().__init__(
            RAS,
            frozenset({(IPV4, IPPROTO_UDP), (IPV6, IPPROTO_UDP)}),
            [POLICY],
            third_parties,
        )
        self.lifetime_s = min(lifetime_s, LONGEST_S)
        self.routed_only = routed_only

    def inspect(self, payload: bytes, connection: Connection, direction: int, call: Call) -> int:
        if not payload:
            return OK
        found = decode(RAS_MESSAGE, payload, 0, len(payload))
        content = None if found is None else found.member(found.chosen)
        if found is None or content is None:
            return OK
        message = Message(payload, direction, call)
        kind = found.chosen
        if kind == "gatekeeperConfirm":
            return _follow_gatekeeper(message, content)
        if kind == "registrationRequest":
            return self._register(message, content, direction)
        if kind == "registrationConfirm":
            self._confirm(message, content, direction)
            return OK
        if kind == "unregistrationRequest":
            _unregister(message)
            return OK
        if kind == "admissionConfirm":
            place = message.h225_place(content.member("destCallSignalAddress"))
            if place is None or place.address == message.other:  # it was asked whether to answer
                return OK
            return message.expect(place, PERMANENT, Q931)
        place = message.h225_place(content.member("callSignalAddress"))  # locationConfirm
        return OK if place is None else message.expect(place, PERMANENT, Q931)

    def _register(self, message: Message, content: Decoded, direction: int) -> int:
        """RRQ: expect calls at the first address of its own that the endpoint names."""
        state = _state(message.call.connection)
        addresses = content.member("callSignalAddress")
        for item in [] if addresses is None else addresses.items:
            place = message.h225_place(item)
            if place is None or not message.is_own(place):
                continue
            reason = message.expect(place, PERMANENT, Q931, of_anyone=not self.routed_only)
            if reason != OK:
                return reason
            state.ports[direction] = place.port
            break
        lifetime = content.member("timeToLive")
        state.lifetime_s = self.lifetime_s if lifetime is None else lifetime.value
        return OK

    def _confirm(self, message: Message, content: Decoded, direction: int) -> None:
        """RCF: the registration lives as long as was said, and if all may call, so do the calls."""
        call = message.call
        state = _state(call.connection)
        lifetime = content.member("timeToLive")
        if lifetime is not None:
            state.lifetime_s = lifetime.value
        if state.lifetime_s == 0:
            return
        ticks = state.lifetime_s * TICKS_PER_S & U32
        call.refresh(ticks / TICKS_PER_S if ticks < HALF else 0.0)
        expectation = _calls_of_anyone(message, state.ports[1 - direction])
        if expectation is not None:
            expectation.deadline = call.now + ticks / TICKS_PER_S


def _follow_gatekeeper(message: Message, content: Decoded) -> int:
    """GCF: the gatekeeper to register with. One that names itself is being talked to already."""
    place = message.h225_place(content.member("rasAddress"))
    if place is None or message.call.connection.status & EXPECTED:
        return OK
    if place.address == message.own and place.port == source_port(message.key):
        return OK
    return message.expect_datagrams(place.address, place.port, RAS)


def _unregister(message: Message) -> None:
    """URQ: no more calls."""
    call = message.call
    call.tables.expectations.forget_master(call.connection)
    _state(call.connection).ports = [0, 0]
    call.refresh(UNREGISTERED_S)


def _calls_of_anyone(message: Message, port: int) -> Expectation | None:
    """What the other side's RRQ led to expect, if of any source: that of one is not found so."""
    connection = message.call.connection
    ports = bytes((0, 0, port >> 8, port & 0xFF, IPPROTO_TCP))
    key = in_zone(bytes(len(message.other)) + message.other + ports, connection.zone())
    found = message.call.tables.expectations.find(key, message.call.now)
    return found if found is not None and found.master is connection else None


def _state(connection: Connection) -> RegistrationState:
    extension = connection.extended()
    state = extension.helper_state
    if not isinstance(state, RegistrationState):
        state = RegistrationState()
        extension.helper_state = state
    return state

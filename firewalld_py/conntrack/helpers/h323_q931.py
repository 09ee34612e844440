"""Q.931, the call signalling of H.323 (H.225.0): where H.245 runs, fast start, call forwarding.

As nf_conntrack_h323_main.c. What a call needs stands in the user-user element of a message.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.connection import ESTABLISHED, Connection
from firewalld_py.conntrack.expectation import Policy
from firewalld_py.conntrack.helpers.base import IPV4, IPV6, Call, Helper
from firewalld_py.conntrack.helpers.h323_h245 import follow_channel, follow_control
from firewalld_py.conntrack.helpers.h323_message import H245, Q931, Message
from firewalld_py.conntrack.helpers.h323_per import Decoded, decode
from firewalld_py.conntrack.helpers.h323_tpkt import take_messages, tpkt_state
from firewalld_py.conntrack.helpers.h323_types import USER_INFORMATION
from firewalld_py.packet.protocols import IPPROTO_TCP
from firewalld_py.packet.reasons import OK

POLICY: Final = Policy(20, 240.0)  # as H.245's, which may run in here; T.120 and H.245 itself
DISCRIMINATOR: Final = 0x08
SINGLE_OCTET: Final = 0x80  # the bit of an element that is nothing but its identifier
USER_USER: Final = 0x7E
NOT_THERE: Final = (0, 0)


class Q931Helper(Helper):
    """`filters_forwarding`: a call is not expected to be forwarded to where it comes from."""

    def __init__(self, filters_forwarding: bool, third_parties: bool) -> None:
        super().__init__(
            Q931,
            frozenset({(IPV4, IPPROTO_TCP), (IPV6, IPPROTO_TCP)}),
            [POLICY],
            third_parties,
        )
        self.filters_forwarding = filters_forwarding

    def inspect(self, payload: bytes, connection: Connection, direction: int, call: Call) -> int:
        if call.state != ESTABLISHED:
            return OK
        message = Message(payload, direction, call)
        for begin, end in take_messages(payload, direction, tpkt_state(connection)):
            at, end_of_element = user_information(payload, begin, end)
            value = decode(USER_INFORMATION, payload, at, end_of_element)
            if value is None:
                return OK
            reason = self._follow(message, value)
            if reason != OK:
                return reason
        return OK

    def _follow(self, message: Message, value: Decoded) -> int:
        """Expect what a UserInformation leads to; OK, or why to drop the packet."""
        pdu = value.member("pdu")
        if pdu is None:
            return OK
        body = pdu.member("body")
        content = None if body is None else body.member(body.chosen)
        if content is not None:
            reason = self._follow_body(message, content)
            if reason != OK:
                return reason
        control = pdu.member("h245Control")
        if control is not None:
            for item in control.items:
                reason = follow_control(message, item)
                if reason != OK:
                    return reason
        return OK

    def _follow_body(self, message: Message, content: Decoded) -> int:
        why = content.member("reason")  # a Facility's
        if why is not None and why.chosen == "callForwarded":
            return self._forward(message, content.member("alternativeAddress"))
        place = message.h225_place(content.member("h245Address"))
        if place is not None and message.is_own(place):
            reason = message.expect(place, helper=H245)
            if reason != OK:
                return reason
        fast_start = content.member("fastStart")
        if fast_start is not None:
            for channel in fast_start.items:
                reason = follow_channel(message, channel)
                if reason != OK:
                    return reason
        return OK

    def _forward(self, message: Message, alternative: Decoded | None) -> int:
        """The call goes elsewhere, maybe to a third party.

        The kernel's filter compares the routes to both; the core knows of none, but that an address
        has one route.
        """
        place = message.h225_place(alternative)
        if place is None or place.port == 0:
            return OK
        if self.filters_forwarding and place.address == message.other:
            return OK
        return message.expect(place, helper=Q931)


def user_information(payload: bytes, at: int, end: int) -> tuple[int, int]:
    """Where in a Q.931 message the content of its user-user element begins and ends.

    ITU-T Q.931 section 4.5; every element but one right behind the message type has a length.
    """
    if end - at < 2 or payload[at] != DISCRIMINATOR:
        return NOT_THERE
    at += 2 + payload[at + 1]  # the call reference
    if end - at < 2:
        return NOT_THERE
    at += 1  # the message type
    if payload[at] & SINGLE_OCTET:
        at += 1
    while end - at >= 2:
        if payload[at] == USER_USER:
            return _user_user(payload, at + 1, end)
        at += 2 + payload[at + 1]
    return NOT_THERE


def _user_user(payload: bytes, at: int, end: int) -> tuple[int, int]:
    """A length of two octets, the protocol discriminator, and what it is about."""
    if end - at < 2:
        return NOT_THERE
    length = payload[at] << 8 | payload[at + 1]
    at += 2
    if length < 2 or length > end - at:
        return NOT_THERE
    return at + 1, at + length

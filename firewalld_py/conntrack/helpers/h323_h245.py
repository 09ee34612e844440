"""H.245, which opens the channels of a call: media (RTP, RTCP) and conferences (T.120).

As nf_conntrack_h323_main.c. The connections are those that Q.931 led to; the name exists for UDP
alone, as the kernel's does, and there nothing is read.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.connection import ESTABLISHED, Connection
from firewalld_py.conntrack.expectation import Policy
from firewalld_py.conntrack.helpers.base import IPV4, IPV6, Call, Helper
from firewalld_py.conntrack.helpers.h323_message import H245, Message
from firewalld_py.conntrack.helpers.h323_per import Decoded, decode
from firewalld_py.conntrack.helpers.h323_tpkt import take_messages, tpkt_state
from firewalld_py.conntrack.helpers.h323_types import CONTROL_MESSAGE
from firewalld_py.packet.protocols import IPPROTO_TCP, IPPROTO_UDP
from firewalld_py.packet.reasons import OK

# RTP and RTCP of two audio and two video channels and of one for data, of both sides; and T.120.
POLICY: Final = Policy(18, 240.0)


class H245Helper(Helper):
    def __init__(self) -> None:
        super().__init__(H245, frozenset({(IPV4, IPPROTO_UDP), (IPV6, IPPROTO_UDP)}), [POLICY])

    def inspect(self, payload: bytes, connection: Connection, direction: int, call: Call) -> int:
        if call.state != ESTABLISHED or connection.protocol != IPPROTO_TCP:
            return OK
        message = Message(payload, direction, call)
        for begin, end in take_messages(payload, direction, tpkt_state(connection)):
            value = decode(CONTROL_MESSAGE, payload, begin, end)
            if value is None:
                return OK
            reason = follow_control(message, value)
            if reason != OK:
                return reason
        return OK


def follow_control(message: Message, value: Decoded) -> int:
    """Expect what a MultimediaSystemControlMessage leads to; OK, or why to drop the packet."""
    channel = value.reach("request", "openLogicalChannel")
    if channel is not None:
        return follow_channel(message, channel)
    channel = value.reach("response", "openLogicalChannelAck")
    if channel is not None:
        return _follow_acknowledgement(message, channel)
    return OK


def follow_channel(message: Message, channel: Decoded) -> int:
    """Likewise an OpenLogicalChannel."""
    for parameters in (
        channel.reach("forwardLogicalChannelParameters", "multiplexParameters"),
        channel.reach("reverseLogicalChannelParameters", "multiplexParameters"),
    ):
        reason = _follow_media(message, parameters, "h2250LogicalChannelParameters")
        if reason != OK:
            return reason
    return _follow_stack(message, channel) if _is_conference(channel) else OK


def _follow_acknowledgement(message: Message, channel: Decoded) -> int:
    parameters = channel.reach("reverseLogicalChannelParameters", "multiplexParameters")
    reason = _follow_media(message, parameters, "h2250LogicalChannelParameters")
    if reason != OK:
        return reason
    parameters = channel.member("forwardMultiplexAckParameters")
    reason = _follow_media(message, parameters, "h2250LogicalChannelAckParameters")
    if reason != OK:
        return reason
    return _follow_stack(message, channel)


def _follow_media(message: Message, parameters: Decoded | None, transport: str) -> int:
    """The two channels of parameters, if they are those of H.225.0's transport."""
    h2250 = None if parameters is None else parameters.member(transport)
    if h2250 is None:
        return OK
    reason = message.expect_media(message.h245_place(h2250.member("mediaChannel")))
    if reason != OK:
        return reason
    return message.expect_media(message.h245_place(h2250.member("mediaControlChannel")))


def _is_conference(channel: Decoded) -> bool:
    """Whether T.120 is to run beside it, on a transport connection of its own."""
    data_type = channel.reach("forwardLogicalChannelParameters", "dataType")
    application = None if data_type is None else data_type.reach("data", "application")
    protocol = None if application is None else application.member("t120")
    return protocol is not None and protocol.chosen == "separateLANStack"


def _follow_stack(message: Message, channel: Decoded) -> int:
    network = channel.reach("separateStack", "networkAddress")
    if network is None:
        return OK
    return message.expect_conference(message.h245_place(network.member("localAreaAddress")))

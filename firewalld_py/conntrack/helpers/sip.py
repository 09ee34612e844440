"""SIP (RFC 3261): calls that a registrar passes on to a telephone, and the media of calls.

As nf_conntrack_sip.c. REGISTER leads to expect signalling from the registrar towards the contact
that it names, at first INACTIVE, until the registrar says 2xx; INVITE, UPDATE, PRACK, ACK and
answers to them lead to expect RTP and RTCP towards the ports that their session description names.
A message that cannot be read as far as its sequence number is dropped.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from firewalld_py.conntrack.connection import ESTABLISHED, EXPECTED, Connection
from firewalld_py.conntrack.expectation import ALREADY, ANY_ADDRESS, INACTIVE, PERMANENT, Policy
from firewalld_py.conntrack.expectation import EXPECTED as REGISTERED
from firewalld_py.conntrack.flow import PROTOCOL_OCTET, destination, in_zone, source
from firewalld_py.conntrack.helpers.base import IPV4, IPV6, Call, Helper
from firewalld_py.conntrack.helpers.sip_media import SIGNALLING, Media, read_session
from firewalld_py.conntrack.helpers.sip_message import (
    BLANK,
    CONTENT_LENGTH,
    CSEQ,
    EXPIRES,
    U32,
    Contact,
    Message,
    is_letter,
)
from firewalld_py.packet.protocols import IPPROTO_TCP, IPPROTO_UDP
from firewalld_py.packet.reasons import EXPECTATION_REFUSED, HELPER_COMMAND, OK

SHORTEST: Final = len(b"SIP/2.0 200")
RESPONSE: Final = b"sip/2.0 "
INVITE: Final = b"invite"
UPDATE: Final = b"update"
PRACK: Final = b"prack"
ACK: Final = b"ack"
BYE: Final = b"bye"
REGISTER: Final = b"register"
REQUESTS: Final[tuple[bytes, ...]] = (INVITE, UPDATE, ACK, PRACK, BYE, REGISTER)
ANSWERED: Final[tuple[bytes, ...]] = (INVITE, UPDATE, PRACK, REGISTER)
OTHER: Final = b""

# By class: signalling, audio, video, image. Audio and video have room for two streams each with
# its RTCP; a third one pushes the first out.
POLICIES: Final[tuple[tuple[int, float], ...]] = ((1, 180.0), (4, 180.0), (4, 180.0), (2, 180.0))
# The kernel counts a registration's time in 32 bits of ticks, so that it wraps; as Debian's does.
TICKS_PER_S: Final = 250
EMPTY_LINE: Final = b"\r\n\r\n"


@mypyc_attr(acyclic=True)
class SipState:
    """The sequence numbers (CSeq) of the last REGISTER and INVITE; answers to earlier ones pass."""

    __slots__ = ("invite", "register")

    def __init__(self) -> None:
        self.invite = 0
        self.register = 0


class SipHelper(Helper):
    """With `direct_signalling` calls may come from the registrar alone; with `direct_media` media
    flow only between the two ends of the signalling, towards the one that named the port.
    """

    def __init__(self, parameters: dict[str, int]) -> None:
        direct_media = parameters["sip_direct_media"] != 0
        super().__init__(
            "sip",
            frozenset((ip, proto) for ip in (IPV4, IPV6) for proto in (IPPROTO_TCP, IPPROTO_UDP)),
            [Policy(maximum, timeout_s) for maximum, timeout_s in POLICIES],
            third_parties=not direct_media,
        )
        self.timeout_s = parameters["sip_timeout"]
        self.direct_signalling = parameters["sip_direct_signalling"] != 0
        self.direct_media = direct_media

    def inspect(self, payload: bytes, connection: Connection, direction: int, call: Call) -> int:
        is_stream = connection.protocol == IPPROTO_TCP
        if call.length == 0 or (is_stream and call.state != ESTABLISHED):
            return OK
        call.refresh(self.timeout_s)
        if len(payload) < SHORTEST:
            return OK
        if is_stream:
            return self._stream(payload, call)
        if len(payload) < call.length:  # the rest is not at hand: half a message says nothing
            return OK
        return self._message(Message(payload, call.packet.version), call)

    def _stream(self, payload: bytes, call: Call) -> int:
        """The messages that are whole in this segment, by their Content-Length (section 18.3)."""
        stream = Message(payload, call.packet.version)
        begin = 0
        while begin < stream.size:
            at = stream.value(CONTENT_LENGTH, begin)
            length = -1 if at < 0 else stream.number(at)
            if not 0 <= length <= stream.size - begin:
                break
            body = payload.find(EMPTY_LINE, at)
            end = body + len(EMPTY_LINE) + length
            if body < 0 or end > stream.size:
                break
            result = self._message(Message(payload[begin:end], call.packet.version), call)
            if result != OK:
                return result
            begin = end
        return OK

    def _message(self, message: Message, call: Call) -> int:
        if message.lower.startswith(RESPONSE):
            return self._response(message, call)
        return self._request(message, call)

    def _request(self, message: Message, call: Call) -> int:
        method = _method_of_request(message)
        if method == OTHER:
            return OK
        cseq = message.number_of(CSEQ)
        if cseq < 0:
            return HELPER_COMMAND
        if method == REGISTER:
            return self._register(message, cseq, call)
        if method in (BYE, INVITE):
            _forget_media(call)
        if method == BYE:
            return OK
        result = self._expect_session(message, call)
        if method == INVITE and result == OK:
            _state(call).invite = cseq
        return result

    def _response(self, message: Message, call: Call) -> int:
        if message.size < SHORTEST:
            return OK
        code = message.number(len(RESPONSE))
        at = message.value(CSEQ)
        cseq = -1 if at < 0 else message.number(at)
        if code <= 0 or cseq < 0:
            return HELPER_COMMAND
        method = _method_of_response(message, message.behind_digits(at) + 1)
        if method == REGISTER:
            return self._registered(message, code, cseq, call)
        if method == OTHER:
            return OK
        if 100 <= code <= 299:
            return self._expect_session(message, call)
        if cseq == _state(call).invite:
            _forget_media(call)
        return OK

    def _register(self, message: Message, cseq: int, call: Call) -> int:
        """A telephone says where it is to be reached (section 10.2)."""
        if call.connection.status & EXPECTED:
            return OK
        key = call.connection.key(call.direction)
        contact = message.contact()
        if contact is None or contact.address != source(key) or not _fits(message, contact, call):
            return OK
        expires = _expires(message, contact, max(message.number_of(EXPIRES), 0))
        if expires < 0:
            return HELPER_COMMAND
        if expires > 0:
            result = call.expect(
                destination(key) if self.direct_signalling else ANY_ADDRESS,
                contact.address,
                call.connection.protocol,
                contact.port,
                kind=SIGNALLING,
                flags=PERMANENT | INACTIVE,
                helper=self.name,
            )
            if result != REGISTERED:
                return EXPECTATION_REFUSED
        _state(call).register = cseq
        return OK

    def _registered(self, message: Message, code: int, cseq: int, call: Call) -> int:
        """The registrar says what it knows of the telephone (section 10.3, step 8).

        A registration that is not confirmed is gone.
        """
        if cseq != _state(call).register or 100 <= code <= 199:
            return OK
        if 200 <= code <= 299:
            telephone = destination(call.connection.key(call.direction))
            common = max(message.number_of(EXPIRES), 0)
            contact = message.contact()
            while contact is not None:
                if contact.address == telephone and _fits(message, contact, call):
                    expires = _expires(message, contact, common)
                    if expires < 0:
                        return HELPER_COMMAND
                    if expires == 0:
                        break
                    if _activate(contact, expires, call):
                        return OK
                contact = message.next_contact(contact.end)
        _forget_registration(call)
        return OK

    def _expect_session(self, message: Message, call: Call) -> int:
        session = read_session(message)
        for media in session.media:
            if not self._expect_media(media, call):
                return EXPECTATION_REFUSED
        return OK if session.sound else HELPER_COMMAND

    def _expect_media(self, media: Media, call: Call) -> bool:
        """RTP on the even port and RTCP on the odd one (RFC 3550 section 11); both, or none.

        What is expected already, be it because of another connection, is as good.
        """
        key = call.connection.key(call.direction)
        src = ANY_ADDRESS
        if self.direct_media:
            if media.address != source(key):
                return True
            src = destination(key)
        if self._is_expected_elsewhere(src, media, call):
            return True
        base = media.port & ~1
        first = _expect_port(src, media, base, call)
        if first not in (REGISTERED, ALREADY):
            return False
        if _expect_port(src, media, base + 1, call) in (REGISTERED, ALREADY):
            return True
        if first == REGISTERED:
            expectations = call.tables.expectations
            expectations.remove(expectations.of_master(call.connection, call.now)[-1])
        return False

    def _is_expected_elsewhere(self, src: bytes, media: Media, call: Call) -> bool:
        """Whether another connection with this helper named the very port before."""
        ports = bytes((0, 0, media.port >> 8, media.port & 0xFF))
        key = (src or bytes(len(media.address))) + media.address + ports
        key = in_zone(key + PROTOCOL_OCTET[IPPROTO_UDP], call.connection.zone())
        found = call.tables.expectations.find(key, call.now)
        if found is None or found.master is call.connection or found.kind != media.kind:
            return False
        master = found.master
        # To the kernel, SIP over UDP and SIP over TCP have different helpers.
        return master.helper() == self.name and master.protocol == call.connection.protocol


def _expect_port(src: bytes, media: Media, port: int, call: Call) -> int:
    return call.expect(src, media.address, IPPROTO_UDP, port, kind=media.kind, any_master=True)


def _method_of_request(message: Message) -> bytes:
    """The method at the beginning; a blank and a letter, as of a URI, follow it."""
    for method in REQUESTS:
        if message.lower.startswith(method):
            at = len(method)
            is_uri = message.size >= at + 2 and is_letter(message.text[at + 1])
            return method if is_uri and message.text[at] == BLANK else OTHER
    return OTHER


def _method_of_response(message: Message, at: int) -> bytes:
    """The method that the CSeq header of an answer names."""
    for method in ANSWERED:
        if message.lower.startswith(method, at):
            return method
    return OTHER


def _fits(message: Message, contact: Contact, call: Call) -> bool:
    """Whether a contact is to be reached by the protocol of this connection."""
    at = message.parameter(b"transport=", contact.end)
    wanted = b"tcp" if call.connection.protocol == IPPROTO_TCP else b"udp"
    return at < 0 or message.lower.startswith(wanted, at)


def _expires(message: Message, contact: Contact, common: int) -> int:
    """For how many seconds a contact is good; -1 if it says so in a way that cannot be read."""
    at = message.parameter(b"expires=", contact.end)
    return common if at < 0 else message.number(at, message.behind_element(contact.end))


def _activate(contact: Contact, timeout_s: int, call: Call) -> bool:
    """Let the registrar's calls through to a contact that was registered; False if it was not."""
    for one in call.tables.expectations.of_master(call.connection, call.now):
        if one.kind == SIGNALLING and (one.dst, one.dport) == (contact.address, contact.port):
            one.flags &= ~INACTIVE
            one.deadline = call.now + (timeout_s * TICKS_PER_S & U32) / TICKS_PER_S
            return True
    return False


def _forget_registration(call: Call) -> None:
    for one in call.tables.expectations.of_master(call.connection, call.now):
        if one.kind == SIGNALLING:  # the policy allows no other beside it
            call.tables.expectations.remove(one)


def _forget_media(call: Call) -> None:
    for one in call.tables.expectations.of_master(call.connection, call.now):
        if one.kind != SIGNALLING:
            call.tables.expectations.remove(one)


def _state(call: Call) -> SipState:
    extension = call.connection.extended()
    state = extension.helper_state
    if not isinstance(state, SipState):
        state = SipState()
        extension.helper_state = state
    return state

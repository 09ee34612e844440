"""The queue's own netlink socket: what NetfilterQueue leaves out.

NetfilterQueue binds the queue and takes messages apart. On a duplicate of its descriptor this
module sets flags and copy range, sends batch verdicts, sizes the receive buffer, counts overruns
and late verdicts, and reads, so that a message is never cut and the moment is seen at which the
socket runs dry. Layouts: include/uapi/linux/netfilter/nfnetlink_queue.h, nfnetlink.h, netlink.h.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Final

from mypy_extensions import mypyc_attr

NLMSG_ERROR: Final = 2
NLM_F_REQUEST: Final = 1
NLM_F_ACK: Final = 4
NFNL_SUBSYS_QUEUE: Final = 3
NFQNL_MSG_CONFIG: Final = NFNL_SUBSYS_QUEUE << 8 | 2
NFQNL_MSG_VERDICT: Final = NFNL_SUBSYS_QUEUE << 8 | 1
NFQNL_MSG_VERDICT_BATCH: Final = NFNL_SUBSYS_QUEUE << 8 | 3
NFQA_VERDICT_HDR: Final = 2
NFQA_MARK: Final = 3
NFQA_CFG_PARAMS: Final = 2
NFQA_CFG_MASK: Final = 4
NFQA_CFG_FLAGS: Final = 5
NFQNL_COPY_PACKET: Final = 2
FLAG_FAIL_OPEN: Final = 1 << 0
FLAG_GSO: Final = 1 << 2
SO_RCVBUFFORCE: Final = 33

# What the kernel makes of any larger range (net/netfilter/nfnetlink_queue.c).
MAX_COPY_RANGE: Final = 0xFFFF - 4
METADATA_OCTETS: Final = 2048  # more than all attributes of a message beside the payload
# nlmsghdr, nfgenmsg (family, version, big-endian queue number).
_HEADER: Final = struct.Struct("=IHHII BB")
_QUEUE: Final = struct.Struct(">H")
_ATTRIBUTE: Final = struct.Struct("=HH")
# A whole batch verdict: header, attribute header, verdict and id in network order.
_VERDICT: Final = struct.Struct(">II")
_ERROR: Final = struct.Struct("=i")


@mypyc_attr(native_class=False)
class QueueError(OSError):
    """The kernel refused to configure the queue."""


class QueueSocket:
    """A duplicate of a bound NetfilterQueue's socket; also the `reader` of its run_socket()."""

    def __init__(self, descriptor: int, number: int, copy_range: int) -> None:
        self._socket = socket.socket(fileno=os.dup(descriptor))
        self._socket.setblocking(False)
        self._number = number
        self._size = copy_range + METADATA_OCTETS
        self._sequence = 0
        self._held: deque[bytes] = deque()  # packets that came while an answer was awaited
        self._batch_head = self._message(NFQNL_MSG_VERDICT_BATCH, NLM_F_REQUEST, b"\0" * 12)[:20]
        self._batch_head += _ATTRIBUTE.pack(4 + _VERDICT.size, NFQA_VERDICT_HDR)
        self.is_dry = False  # whether the last read found nothing
        self.budget = 0  # packets that may still be read before the loop must look around
        self.overruns = 0  # ENOBUFS: packets that the kernel dropped, the socket being full
        self.late_verdicts = 0  # ENOENT: the kernel had flushed the packet already
        self.failed_verdicts = 0
        # Called to send the verdicts that wait.
        self.when_dry: Callable[[], None] | None = None

    def close(self) -> None:
        self._socket.close()

    def configure(self, copy_range: int, flags: int, receive_buffer: int) -> None:
        """Set copy range, flags and buffer. Raises QueueError with the kernel's word."""
        for option in (SO_RCVBUFFORCE, socket.SO_RCVBUF):
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, option, receive_buffer)
                break
            except PermissionError:
                continue  # without CAP_NET_ADMIN over this socket: as much as is allowed
        self.set_copy_range(copy_range)
        mask = struct.pack(">I", FLAG_FAIL_OPEN | FLAG_GSO)
        self._request(
            _attribute(NFQA_CFG_FLAGS, struct.pack(">I", flags)) + _attribute(NFQA_CFG_MASK, mask)
        )

    def set_copy_range(self, copy_range: int) -> None:
        """Have so many octets of each packet from now on, of those that wait already as before.

        Raises QueueError with the kernel's word.
        """
        # What is read here before the kernel's answer may be of the new size already.
        self._size = max(self._size, copy_range + METADATA_OCTETS)
        params = struct.pack(">IB", copy_range, NFQNL_COPY_PACKET)
        self._request(_attribute(NFQA_CFG_PARAMS, params))

    def send_batch(self, packet_id: int, verdict: int) -> None:
        """Give `verdict` to every waiting packet up to and including `packet_id`."""
        self._send_verdict(self._batch_head + _VERDICT.pack(verdict, packet_id))

    def send_one(self, packet_id: int, verdict: int, mark: int) -> None:
        """Give `verdict` to one packet; `mark` is -1 to leave its mark alone."""
        attributes = _attribute(NFQA_VERDICT_HDR, _VERDICT.pack(verdict, packet_id))
        if mark >= 0:
            attributes += _attribute(NFQA_MARK, struct.pack(">I", mark))
        self._send_verdict(self._message(NFQNL_MSG_VERDICT, NLM_F_REQUEST, attributes))

    def recv(self, _size: int) -> bytes:
        """The next packet message, for NetfilterQueue.run_socket().

        Raises BlockingIOError when the socket is dry or the budget spent; the verdicts that wait
        are flushed before, so that nobody's packet waits for the next one's.
        """
        self.is_dry = False
        if self.budget <= 0:
            raise BlockingIOError(errno.EAGAIN, "the batch is full")
        while True:
            try:
                message = self._held.popleft() if self._held else self._socket.recv(self._size)
            except BlockingIOError:
                self.is_dry = True
                if self.when_dry is not None:
                    self.when_dry()
                raise
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.overruns += 1
                continue
            if message[4] == NLMSG_ERROR and message[5] == 0:
                self._count_error(message)
                continue
            self.budget -= 1
            return message

    def _count_error(self, message: bytes) -> None:
        code = -_ERROR.unpack_from(message, 16)[0]
        if code == errno.ENOENT:
            self.late_verdicts += 1
        elif code != 0:
            self.failed_verdicts += 1

    def _message(self, kind: int, flags: int, payload: bytes) -> bytes:
        length = 20 + len(payload)
        header = _HEADER.pack(length, kind, flags, self._sequence, 0, socket.AF_UNSPEC, 0)
        return header + _QUEUE.pack(self._number) + payload

    def _request(self, attributes: bytes) -> None:
        """Send a configuration message and wait for the kernel's acknowledgement."""
        self._sequence += 1
        self._send(self._message(NFQNL_MSG_CONFIG, NLM_F_REQUEST | NLM_F_ACK, attributes))
        while True:
            try:
                message = self._socket.recv(self._size)
            except BlockingIOError as error:
                # Netlink answers before send() returns: an absent answer is none at all.
                raise QueueError(errno.EPROTO, "the kernel did not answer") from error
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.overruns += 1
                continue
            if message[4] == NLMSG_ERROR and message[5] == 0:
                if struct.unpack_from("=I", message, 8)[0] != self._sequence:
                    self._count_error(message)
                    continue
                code = -_ERROR.unpack_from(message, 16)[0]
                if code != 0:
                    raise QueueError(code, f"queue {self._number}: {os.strerror(code)}")
                return
            self._held.append(message)

    def _send_verdict(self, message: bytes) -> None:
        """The kernel may be out of memory: tried again, then counted, never raised."""
        for _ in range(2):
            try:
                self._send(message)
            except OSError:
                continue
            return
        self.failed_verdicts += 1

    def _send(self, message: bytes) -> None:
        self._socket.sendto(message, (0, 0))


def _attribute(kind: int, payload: bytes) -> bytes:
    padding = -len(payload) % 4
    return _ATTRIBUTE.pack(4 + len(payload), kind) + payload + b"\0" * padding

"""The running kernel's nf_conntrack as a judge of single packets.

A network namespace of its own, without a name, holds two TUN devices. A packet that is written to
the first goes through the kernel's whole receive path before the write returns: conntrack judges it
in PREROUTING, a rule right behind it says the verdict through NFLOG, and it is forwarded to the
second device, on the way to which conntrack confirms its connection; another rule, behind that,
says so. What piles up before the second device is dropped. The namespace is gone with the judge.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, TypeVar

from firewalld_py.conntrack.connection import ESTABLISHED, NEW, ORIGINAL, RELATED, REPLY
from firewalld_py.conntrack.flow import protocol_of
from firewalld_py.packet.protocols import (
    IPPROTO_AH,
    IPPROTO_DSTOPTS,
    IPPROTO_FRAGMENT,
    IPPROTO_HOPOPTS,
    IPPROTO_ROUTING,
    IPV4_MIN,
    IPV6_HEADER,
)
from tests import wire
from tests.differential.answer import ANSWERS, INVALID_ANSWER, UNTRACKED_ANSWER, Answer
from tests.differential.entries import Entry, kernel_entry
from tests.differential.netlink import (
    EXPECTATION_GET,
    NetlinkError,
    delete,
    dump,
    flush,
    log_prefix,
    open_conntrack,
    open_log,
)
from tests.differential.sequence import SWITCH_DEFAULTS
from tests.differential.tun import open_tun

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

T = TypeVar("T")

CLONE_NEWNET: Final = 0x40000000
ENTRY, EXIT = "judge-in", "judge-out"
LOG_GROUP: Final = 1
LOG_MESSAGE: Final = 4096
CONFIRMED: Final = b"confirmed"
MTU: Final = 65000
FRAGMENT_MEMORY: Final = 1 << 28
COMMAND_TIMEOUT_S: Final = 30.0
ANSWER_TIMEOUT_S: Final = 2.0
# Odd, so that it comes round late; large, so that small identifications stay apart.
EPOCH_STEP: Final = 0x9E3779B1

# What the rules say, in the order in which they ask (the frequent first): (match, answer).
_RULES: Final[tuple[tuple[str, Answer], ...]] = (
    ("ct state established ct direction original", ANSWERS[ESTABLISHED, ORIGINAL]),
    ("ct state established ct direction reply", ANSWERS[ESTABLISHED, REPLY]),
    ("ct state new ct direction original", ANSWERS[NEW, ORIGINAL]),
    ("ct state invalid", INVALID_ANSWER),
    ("ct state related ct direction original", ANSWERS[RELATED, ORIGINAL]),
    ("ct state related ct direction reply", ANSWERS[RELATED, REPLY]),
    ("ct state untracked", UNTRACKED_ANSWER),
    ("ct state new ct direction reply", ANSWERS[NEW, REPLY]),
)
_BY_PREFIX: Final[dict[bytes, Answer]] = {
    f"rule {number}".encode(): answer for number, (_, answer) in enumerate(_RULES)
}

_SYSCTLS: Final[dict[str, int]] = {
    "ipv4/ip_forward": 1,
    "ipv4/conf/all/rp_filter": 0,
    "ipv4/conf/default/rp_filter": 0,
    "ipv4/conf/all/accept_source_route": 1,
    "ipv6/conf/all/forwarding": 1,
    "ipv6/conf/default/router_solicitations": 0,
    "netfilter/nf_conntrack_acct": 1,
    # Pieces whose rest never comes stay for a while; they shall not crowd out later ones.
    "ipv4/ipfrag_high_thresh": FRAGMENT_MEMORY,
    "netfilter/nf_conntrack_frag6_high_thresh": FRAGMENT_MEMORY,
}

_libc = ctypes.CDLL(None, use_errno=True)


class KernelError(Exception):
    """The kernel cannot be asked here; the message says what failed."""


class KernelJudge:
    """Judges packets, one by one, in the order in which they come. Use it as a context."""

    def __init__(self, set_up_more: Callable[[], None] | None = None) -> None:
        """Make the namespace; KernelError if that fails (it needs root, TUN, nft and conntrack).

        `set_up_more` is called in it at the end, for more rules than those that judge.
        """
        self._set_up_more = set_up_more
        self._switches = dict.fromkeys(SWITCH_DEFAULTS, -1)
        self._epoch = 0
        self._set_up_in_thread()
        self.use({})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give everything back; with the last descriptor the namespace is gone."""
        self._log.close()
        self._control.close()
        for descriptor in (self._entry, self._exit, *self._sysctls.values()):
            os.close(descriptor)

    def use(self, switches: Mapping[str, int]) -> None:
        """Set the switches; those that are not named have their defaults."""
        for name, default in SWITCH_DEFAULTS.items():
            value = switches.get(name, default)
            if self._switches[name] != value:
                os.pwrite(self._sysctls[name], f"{value}\n".encode(), 0)
                self._switches[name] = value

    def flush(self) -> None:
        """Forget all connections, and whatever there is of datagrams in pieces.

        The latter cannot be told to the kernel. So the identification of every fragment is changed
        on its way, from now on by another number: pieces of before never meet those of after.
        """
        flush(self._control)
        self._epoch = (self._epoch + EPOCH_STEP) & 0xFFFFFFFF

    def judge(self, data: bytes) -> tuple[Answer | None, bool]:
        """Send one packet: what tracking said, and whether its connection was confirmed.

        None means that the packet never came as far as tracking: it was no sound IP packet, or a
        fragment of a datagram that is not whole.
        """
        try:
            os.write(self._entry, renumbered(data, self._epoch))
        except OSError as error:
            if error.errno != errno.EINVAL:  # neither IPv4 nor IPv6
                raise
            return None, False
        try:
            answer = _BY_PREFIX[log_prefix(self._log.recv(LOG_MESSAGE))]
        except BlockingIOError:
            return None, False
        return answer, self._confirmed()

    def entries(self) -> list[Entry]:
        """All connections of the table."""
        return [kernel_entry(message) for message in dump(self._control)]

    def forget(self, protocol: int) -> None:
        """Remove all connections of a protocol, one by one."""
        for message in dump(self._control):
            key = kernel_entry(message).key
            if protocol_of(key) == protocol:
                with suppress(NetlinkError):  # another one took it along
                    delete(self._control, message)

    def expectation_messages(self) -> list[bytes]:
        """All that helpers expect, a ctnetlink message for each."""
        return dump(self._control, EXPECTATION_GET)

    def answers(self, count: int) -> list[Answer]:
        """What is said of packets of this machine's own: so many answers as are awaited, or more.

        Fewer, if no more come.
        """
        found: list[Answer] = []
        while True:
            timeout_s = ANSWER_TIMEOUT_S if len(found) < count else 0.0
            if not select.select([self._log], [], [], timeout_s)[0]:
                return found
            found.append(_BY_PREFIX[log_prefix(self._log.recv(LOG_MESSAGE))])

    def _confirmed(self) -> bool:
        """Whether the packet just sent has come behind the hook that confirms."""
        try:
            return log_prefix(self._log.recv(LOG_MESSAGE)) == CONFIRMED
        except BlockingIOError:
            return False

    def _set_up_in_thread(self) -> None:
        def set_up() -> None:
            if _libc.unshare(CLONE_NEWNET) != 0:
                raise KernelError(f"unshare: {os.strerror(ctypes.get_errno())}: it needs root")
            self._entry = _device(ENTRY)
            self._exit = _device(EXIT)
            _configure()
            if self._set_up_more is not None:
                self._set_up_more()
            self._log: socket.socket = open_log(LOG_GROUP)
            self._control: socket.socket = open_conntrack()
            self._sysctls = {
                name: os.open(f"/proc/sys/net/netfilter/nf_conntrack_{name}", os.O_WRONLY)
                for name in SWITCH_DEFAULTS
            }

        _run_in_thread(set_up)


def renumbered(data: bytes, by: int) -> bytes:
    """A fragment with another identification, all else as right or wrong as it was."""
    if len(data) >= IPV4_MIN and data[0] >> 4 == 4 and (data[6] & 0x3F or data[7]):
        old, sum_ = data[4:6], data[10:12]
        new = (int.from_bytes(old, "big") ^ by & 0xFFFF).to_bytes(2, "big")
        # The checksum follows the change (RFC 1624), so that a wrong one stays wrong.
        sum_ = wire.ones_complement(bytes(~octet & 0xFF for octet in sum_ + old) + new).to_bytes(
            2, "big"
        )
        return data[:4] + new + data[6:10] + sum_ + data[12:]
    at = fragment_header(data)
    if at is None:
        return data
    number = int.from_bytes(data[at + 4 : at + 8], "big") ^ by
    return data[: at + 4] + number.to_bytes(4, "big") + data[at + 8 :]


def fragment_header(data: bytes) -> int | None:
    """Where a whole IPv6 fragment header stands, if there is one."""
    if len(data) < IPV6_HEADER or data[0] >> 4 != 6:
        return None
    next_header, at = data[6], IPV6_HEADER
    while next_header in (IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS, IPPROTO_AH):
        if at + 2 > len(data):
            return None
        size = data[at + 1] + 2 << 2 if next_header == IPPROTO_AH else data[at + 1] + 1 << 3
        next_header, at = data[at], at + size
    return at if next_header == IPPROTO_FRAGMENT and at + 8 <= len(data) else None


def _run_in_thread(action: Callable[[], T]) -> T:
    """Act in a thread of its own, whose namespace ends with it; what it raises is raised here."""
    results: list[T] = []
    faults: list[Exception] = []

    def act() -> None:
        try:
            results.append(action())
        except Exception as fault:
            faults.append(fault)

    thread = threading.Thread(target=act)
    thread.start()
    thread.join()
    if faults:
        raise faults[0]
    return results[0]


def _device(name: str) -> int:
    try:
        return open_tun(name)
    except OSError as error:
        raise KernelError(f"/dev/net/tun: {error}") from error


def _configure() -> None:
    """Addresses, routes, switches and rules of the namespace that the calling thread is in."""
    for key, value in _SYSCTLS.items():
        path = Path("/proc/sys/net", key)
        try:
            path.write_text(f"{value}\n")
        except OSError as error:
            raise KernelError(f"{path}: {error}") from error
    devices = [f"link set {name} addrgenmode none mtu {MTU} up" for name in (ENTRY, EXIT)]
    routes = [f"route add default dev {EXIT}", f"-6 route add default dev {EXIT}"]
    # Link-local addresses shall lead nowhere, not back to where the packet came from.
    link_local = [f"-6 route flush dev {name} proto kernel" for name in (ENTRY, EXIT)]
    for command in devices + link_local + routes:
        run(["ip", *command.split()])
    # In this order: of two hooks of one priority the one that is registered later stands in front,
    # and conntrack's, which confirms, is registered with the first rule that asks for a state.
    run(["nft", "-f", "-"], _BEHIND_CONFIRMATION)
    run(["nft", "-f", "-"], _rules())


_BEHIND_CONFIRMATION: Final = f"""
table inet judge {{
    chain confirmed {{
        type filter hook postrouting priority 2147483647; policy accept;
        log prefix "{CONFIRMED.decode()}" group {LOG_GROUP}
    }}
}}
"""


def state_rules() -> str:
    """Rules that tell the state of a packet through NFLOG, and let it pass."""
    return "\n".join(
        f'{match} log prefix "rule {number}" group {LOG_GROUP} accept'
        for number, (match, _) in enumerate(_RULES)
    )


def _rules() -> str:
    # Nothing is for the kernel itself, and what it would say is dropped: only what is forwarded
    # shall be confirmed.
    return f"""
table inet judge {{
    chain seen {{
        type filter hook prerouting priority mangle; policy accept;
        {state_rules()}
    }}
    chain to_itself {{
        type filter hook input priority filter; policy drop;
    }}
    chain of_itself {{
        type filter hook output priority filter; policy drop;
    }}
}}
"""


def run(command: list[str], given: str = "") -> None:
    """A command in the calling thread's namespace. Raises KernelError if it fails."""
    try:
        done = subprocess.run(
            command,
            check=False,
            input=given,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
        )
    except OSError as error:
        raise KernelError(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        raise KernelError(f"{' '.join(command)}: {done.stderr.strip()}")

"""Tracking one packet: `inspect` says what it is, `confirm` enters a new connection.

The order is nf_conntrack_in()'s. Between the two stand the filter rules, so that a connection whose
first packet is dropped is never in the table.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.connection import (
    CONFIRMED,
    DYING,
    ESTABLISHED,
    EXPECTED,
    INVALID,
    NEW,
    NO_TEMPLATE,
    ORIGINAL,
    RELATED,
    REPLY,
    SEEN_REPLY,
    STATE_CHANGED,
    UNTRACKED,
    Connection,
    CtInfo,
    Extension,
    Template,
)
from firewalld_py.conntrack.ended import Ended
from firewalld_py.conntrack.events import Watcher, changes_of_status
from firewalld_py.conntrack.expectation import Expectation, ExpectationTable
from firewalld_py.conntrack.flow import NO_KEY, flow_key, in_zone, reply_key
from firewalld_py.conntrack.gre import GreTracker
from firewalld_py.conntrack.helpers.base import Call, Helper, Tables
from firewalld_py.conntrack.helpers.registry import make_helpers
from firewalld_py.conntrack.icmp import ICMPV6_UNTRACKED, IcmpTracker
from firewalld_py.conntrack.icmp_error import inspect_error, is_icmp_error
from firewalld_py.conntrack.sctp import SctpTracker
from firewalld_py.conntrack.table import Table
from firewalld_py.conntrack.tcp import TcpTracker
from firewalld_py.conntrack.tracker import REMOVE, REOPEN, Settings, Tracker
from firewalld_py.conntrack.udp import UdpTracker
from firewalld_py.packet.checksum import checksum_is_wrong
from firewalld_py.packet.packet import Packet
from firewalld_py.packet.protocols import (
    HOOK_OUTPUT,
    IPPROTO_GRE,
    IPPROTO_ICMP,
    IPPROTO_ICMPV6,
    IPPROTO_SCTP,
    IPPROTO_TCP,
    IPPROTO_UDP,
    IPPROTO_UDPLITE,
    UDP_HEADER,
)
from firewalld_py.packet.reasons import (
    CHECKSUM,
    CONNECTION_ENDED,
    ICMP_NOT_A_START,
    OK,
    TABLE_FULL,
)

PROTOCOLS: Final = 256


class Conntrack(Watcher):
    """The state table with the trackers, helpers and expectations that work on it.

    `watcher` is told of every connection that is new, changes, or goes. `more_helpers` are there
    beside the registry's; they are as quick, and raise as little (service/plugin_guard.py).
    `networks` are those that this machine is in, as far as it was told.
    """

    def __init__(
        self,
        settings: Settings,
        watcher: Watcher | None = None,
        more_helpers: list[Helper] | None = None,
    ) -> None:
        self.settings = settings
        self.watcher = watcher
        self.table = Table(settings.maximum, self)
        self.expectations = ExpectationTable(settings.expect_max)
        self.helpers = make_helpers(settings.helpers)
        for helper in more_helpers or ():
            self.helpers[helper.name] = helper
        self.ended = Ended()
        self._tables = Tables(self.table, self.expectations)
        self.networks = self._tables.networks
        self._trackers = make_trackers(settings)

    def inspect(self, packet: Packet, now: float, template: Template = NO_TEMPLATE) -> CtInfo:
        """State, direction and connection of a packet that no raw rule exempted."""
        if packet.fault != OK:
            return self._faulty(packet, packet.fault, now, template)
        if self.settings.checksum and packet.meta.hook != HOOK_OUTPUT and checksum_is_wrong(packet):
            return self._faulty(packet, CHECKSUM, now, template)
        if packet.protocol == IPPROTO_ICMPV6 and packet.icmp_type in ICMPV6_UNTRACKED:
            return CtInfo(UNTRACKED)
        if is_icmp_error(packet):
            return inspect_error(packet, self.table, now, template.zone, self._tables.calls)
        key = flow_key(packet, self._tables.calls)
        if template.zone:
            key = in_zone(key, template.zone)
        info = self._track(packet, key, now, template)
        if info is None:
            # The packet ended the connection that had its key; now it opens the next one.
            info = self._track(packet, key, now, template)
            assert info is not None, "a new connection cannot ask to be reopened"
        return info

    def confirm(self, info: CtInfo, packet: Packet, now: float) -> int:
        """The packet was accepted: ask the helper, and enter its connection if it is new.

        OK, or why the packet is to be dropped all the same: TABLE_FULL, or what its helper says.
        """
        connection = info.connection
        if connection is None or connection.status & DYING:
            return OK
        if connection.extension is not None and connection.extension.helper:
            reason = self._ask_helper(connection, packet, info, now)
            if reason != OK:
                self.dropped(connection)
                return reason
        if not connection.status & CONFIRMED:
            if not self.table.insert(connection, now):
                self.dropped(connection)
                return TABLE_FULL
            if self.watcher is not None:
                self.watcher.created(connection, now)
        return OK

    def dropped(self, connection: Connection) -> None:
        """A packet of this connection was dropped: one that it was to open will never be."""
        extension = connection.extension
        if extension is None or connection.status & CONFIRMED:
            return
        connection.leave_tallies()
        if self.expectations.size:
            self.expectations.forget_master(connection)
        if extension.master is not None:
            self._child_destroyed(connection, extension.master)

    def changed(self, connection: Connection, changes: int, now: float) -> None:
        """A rule has changed something of a connection; `changes` as Watcher.updated() has them."""
        if self.watcher is not None and connection.status & CONFIRMED:
            self.watcher.updated(connection, changes, now)

    def end(self, connection: Connection) -> None:
        """Forget a connection for good: what still comes of it is not taken up in mid-stream."""
        self.ended.remember(connection)
        self.table.remove(connection)

    def expire(self, now: float, budget: int) -> int:
        """Sweep out dead connections, `budget` looks at most; see Table.expire()."""
        return self.table.expire(now, budget)

    def destroyed(self, connection: Connection) -> None:
        """A connection is gone, and with it what it led to expect."""
        if self.expectations.size:
            self.expectations.forget_master(connection)
        if connection.extension is not None:
            connection.leave_tallies()
            self._extended_destroyed(connection, connection.extension)
        if self.watcher is not None:
            self.watcher.destroyed(connection)

    def _track(self, packet: Packet, key: bytes, now: float, template: Template) -> CtInfo | None:
        """One round; None if the packet ended the connection it was found in, to open another."""
        tracker = self._trackers[packet.protocol]
        connection = self.table.find(key, now)
        direction = ORIGINAL
        if connection is None:
            opened = self._open(tracker, packet, key, now, template)
            if isinstance(opened, CtInfo):
                return opened
            connection = opened
        else:
            direction = self.table.direction()
        state = _state_of(connection, direction)
        if self.watcher is None:
            result = tracker.update(connection, packet, direction, now)
        else:
            result = self._update_watched(tracker, connection, packet, direction, now)
        if result == OK:
            if direction == REPLY:
                connection.status |= SEEN_REPLY
            if connection.extension is not None and connection.is_closed():
                connection.leave_tallies()
            return CtInfo(state, direction, connection)
        if result == REMOVE:
            # It is counted (nf_ct_kill_acct()), and rules see that there was an answer.
            connection.refresh(connection.deadline, direction, packet.length)
            self.table.remove(connection)
            if direction == REPLY:
                connection.status |= SEEN_REPLY
            return CtInfo(state, direction, connection)
        if result == REOPEN:
            self.table.remove(connection)
            return None
        return CtInfo(INVALID, reason=result)

    def _update_watched(
        self, tracker: Tracker, connection: Connection, packet: Packet, direction: int, now: float
    ) -> int:
        """The tracker's update, with news of what it changes."""
        status, state = connection.status, connection.protocol_state()
        result = tracker.update(connection, packet, direction, now)
        if result == OK and status & CONFIRMED:
            after = connection.status | (SEEN_REPLY if direction == REPLY else 0)
            changes = changes_of_status(status, after)
            if connection.protocol_state() != state:
                changes |= STATE_CHANGED
            if changes:
                connection.status = after  # the watcher shall see it
                self.changed(connection, changes, now)
        return result

    def _open(
        self, tracker: Tracker, packet: Packet, key: bytes, now: float, template: Template
    ) -> Connection | CtInfo:
        """A connection for this first packet, not yet in the table; or why there can be none."""
        reply = reply_key(key)
        if reply == NO_KEY:
            return CtInfo(INVALID, reason=ICMP_NOT_A_START)
        refusal = tracker.refusal(packet)
        if refusal == OK and self.ended.size and self.ended.refuses(packet, key, reply, now):
            refusal = CONNECTION_ENDED
        if refusal != OK:
            self.expectations.take(key, now)  # met, though by a packet that opens nothing
            return CtInfo(INVALID, reason=refusal)
        if self.table.is_full() and not self.table.make_room(now):
            return CtInfo(INVALID, reason=TABLE_FULL)
        connection = tracker.open(packet, key, reply, now)
        if template.timeouts is not None:
            connection.extended().timeouts = template.timeouts
        expectation = self.expectations.take(key, now)
        if expectation is not None:
            self._expected_by(connection, expectation)
        elif template.helper:
            self._give_helper(connection, template.helper, packet.version)
        return connection

    def _faulty(self, packet: Packet, fault: int, now: float, template: Template) -> CtInfo:
        """INVALID; one that has the ports of an expected connection uses its expectation up."""
        if self.expectations.size and packet.has_ports:
            key = in_zone(flow_key(packet), template.zone)
            if self.table.find(key, now) is None:
                self.expectations.take(key, now)
        return CtInfo(INVALID, reason=fault)

    def _expected_by(self, connection: Connection, expectation: Expectation) -> None:
        """What a connection has from the one that led to it (init_conntrack())."""
        master = expectation.master
        extension = connection.extended()
        extension.master = master
        extension.helper = expectation.helper
        connection.mark = master.mark
        connection.status |= EXPECTED
        helper = self.helpers.get(master.helper())
        if helper is not None:
            helper.opened(connection, expectation, self._tables)

    def _give_helper(self, connection: Connection, name: str, version: int) -> None:
        """A rule wants the helper: one that cannot read such connections is not given."""
        helper = self.helpers.get(name)
        if helper is not None and (version, connection.protocol) in helper.readable:
            connection.extended().helper = name

    def _ask_helper(self, connection: Connection, packet: Packet, info: CtInfo, now: float) -> int:
        """OK, or the reason for which the helper drops the packet."""
        helper = self.helpers.get(connection.helper())
        if helper is None or packet.protocol != connection.protocol:  # an ICMP error about it
            return OK
        at = packet.transport
        at += packet.header_length if packet.protocol == IPPROTO_TCP else UDP_HEADER
        length = max(packet.length - at, 0)
        payload = packet.data[at : packet.length]
        call = Call(
            helper, connection, packet, info.direction, info.state, length, now, self._tables
        )
        return helper.inspect(payload, connection, info.direction, call)

    def _extended_destroyed(self, connection: Connection, extension: Extension) -> None:
        """Tell the helper of a master, and that of a connection that was expected."""
        helper = self.helpers.get(extension.helper)
        if helper is not None:
            helper.destroyed(connection, self._tables)
        if extension.master is not None:
            self._child_destroyed(connection, extension.master)

    def _child_destroyed(self, child: Connection, master: Connection) -> None:
        helper = self.helpers.get(master.helper())
        if helper is not None:
            helper.child_destroyed(child, master, self._tables)


def _state_of(connection: Connection, direction: int) -> int:
    """NEW lasts until an answer was seen; what answers is ESTABLISHED (resolve_normal_ct())."""
    if direction == REPLY or connection.status & SEEN_REPLY:
        return ESTABLISHED
    return RELATED if connection.status & EXPECTED else NEW


def make_trackers(settings: Settings) -> list[Tracker]:
    """The tracker of each protocol number; most have none but the generic one."""
    trackers: list[Tracker] = [Tracker(settings)] * PROTOCOLS
    trackers[IPPROTO_TCP] = TcpTracker(settings)
    trackers[IPPROTO_UDP] = trackers[IPPROTO_UDPLITE] = UdpTracker(settings)
    trackers[IPPROTO_SCTP] = SctpTracker(settings)
    trackers[IPPROTO_GRE] = GreTracker(settings)
    trackers[IPPROTO_ICMP] = trackers[IPPROTO_ICMPV6] = IcmpTracker(settings)
    return trackers

"""Every timeout of every protocol and state, to the second, by a clock that the test moves.

A life is some packets in the language of the traces, the timeout that rules then, and a packet
that would find the connection. It is there one millisecond before its deadline, and gone at it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import pytest

from firewalld_py.conntrack.connection import Connection
from firewalld_py.conntrack.table import MAX_AHEAD_S
from firewalld_py.conntrack.timeouts import TIMEOUT_DEFAULTS, Timeouts
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import PacketMeta
from tests.cases.octets import Sender
from tests.cases.run import DROP_MARK, NOTRACK_MARK, RULES
from tests.cases.trace import parse_step
from tests.plans import firewall

START_S: Final = 1000.25
MILLISECOND_S: Final = 0.001
ALL: Final = 1 << 30
CHANGED_S: Final = 41  # what the configuration says instead of a default
# No packet finds a connection past its deadline. It is swept out a little later: when it was put
# into its slot its deadline may have been further ahead, but no slot is further than MAX_AHEAD_S.
SWEEP_DELAY_S: Final = MAX_AHEAD_S + 2.0
DAY_S: Final = 86400


@dataclass(frozen=True, slots=True)
class Life:
    """`lines` are sent; the time counts from the one numbered `since` (the last one if -1)."""

    title: str
    timeout: str
    seconds: int
    lines: tuple[str, ...]
    probe: str
    since: int = -1
    families: tuple[int, ...] = (4, 6)
    settings: dict[str, int] = field(default_factory=dict)


SYN, SYN_ACK = "client S seq=1000", "server SA seq=5000 ack=1001"
ACK: Final = "client A seq=1001 ack=5001"
OPENED: Final = (SYN, SYN_ACK, ACK)
CLOSED: Final = (
    *OPENED,
    "client FA seq=1001 ack=5001",
    "server A seq=5001 ack=1002",
    "server FA seq=5001 ack=1002",
    "client A seq=1002 ack=5002",
)
LAST_ACK: Final = "client A seq=1002 ack=5001"
DATA: Final = "client A seq=1001 ack=5001 len=100"
TCP: Final = [
    Life("SYN_SENT", "tcp_timeout_syn_sent", 120, (SYN,), SYN),
    Life("SYN_RECV", "tcp_timeout_syn_recv", 60, (SYN, SYN_ACK), ACK),
    Life("ESTABLISHED", "tcp_timeout_established", 5 * DAY_S, OPENED, ACK),
    Life("FIN_WAIT", "tcp_timeout_fin_wait", 120, CLOSED[:4], LAST_ACK),
    Life("CLOSE_WAIT", "tcp_timeout_close_wait", 60, CLOSED[:5], LAST_ACK),
    Life("LAST_ACK", "tcp_timeout_last_ack", 30, CLOSED[:6], CLOSED[6]),
    Life("TIME_WAIT", "tcp_timeout_time_wait", 120, CLOSED, CLOSED[6]),
    Life("CLOSE", "tcp_timeout_close", 10, (*OPENED, "server R seq=5001"), ACK),
    Life("SYN_SENT2", "tcp_timeout_syn_sent2", 120, (SYN, "server S seq=5000", SYN + " +5s"), SYN),
    Life(
        "a SYN that meets another moves nothing",
        "tcp_timeout_syn_sent", 120, (SYN, "server S seq=5000 +10s"), SYN, since=0,
    ),
    Life(
        "half open after a SYN/ACK that came again",
        "tcp_timeout_syn_recv", 60, (SYN, SYN_ACK, SYN_ACK + " +5s"), ACK, since=1,
    ),
    Life(
        "a SYN that came again moves nothing",
        "tcp_timeout_syn_sent", 120, (SYN, SYN + " +10s", SYN + " +20s"), SYN, since=0,
    ),
    Life(
        "an ACK that is IGNORED in SYN_SENT moves nothing",
        "tcp_timeout_syn_sent", 120, (SYN, "server A seq=77 ack=88 +10s"), SYN, since=0,
    ),
    Life(
        "a SYN that is IGNORED in ESTABLISHED moves nothing",
        "tcp_timeout_established", 5 * DAY_S, (*OPENED, "client S seq=9000 +10s"), ACK, since=2,
    ),
    Life(
        "an INVALID segment moves nothing",
        "tcp_timeout_established", 5 * DAY_S, (*OPENED, "server S seq=9000 +10s"), ACK, since=2,
    ),
    Life(
        "a segment below the window moves nothing",
        "tcp_timeout_established", 5 * DAY_S,
        (*OPENED, "client A seq=4294900000 ack=5001 +10s"), ACK, since=2,
    ),
    Life(
        "data in ESTABLISHED that were acknowledged",
        "tcp_timeout_established", 5 * DAY_S,
        (*OPENED, DATA, "server A seq=5001 ack=1101 +10s"), "client A seq=1101 ack=5001",
    ),
    Life(
        "an RST in the window that misses the number keeps the state, for the time of CLOSE",
        "tcp_timeout_close", 10, (*OPENED, "server R seq=5100"), ACK,
    ),
    Life(
        "data that nobody acknowledged",
        "tcp_timeout_unacknowledged", 300, (*OPENED, DATA), DATA,
    ),
    Life(
        "a connection picked up in the middle that nobody answered",
        "tcp_timeout_unacknowledged", 300, (ACK, ACK + " +10s"), ACK,
    ),
    Life(
        "a connection picked up in the middle that was answered is not assured by that",
        "tcp_timeout_established", 5 * DAY_S,
        (ACK, "server A seq=5001 ack=1001", ACK), ACK,
    ),
    Life(
        "a FIN of both sides, both out of the window",
        "tcp_timeout_unacknowledged", 300,
        (*OPENED, "client FA seq=900001 ack=5001", "server FA seq=900001 ack=1001 +10s"), ACK,
    ),
    Life(
        "a FIN of one side out of the window, twice",
        "tcp_timeout_established", 5 * DAY_S,
        (*OPENED, "client FA seq=900001 ack=5001", "client FA seq=900001 ack=5001 +10s"), ACK,
        since=2,
    ),
    Life(
        "an ACK that was repeated three times",
        "tcp_timeout_max_retrans", 300, (*OPENED, ACK, ACK, ACK + " +5s"), ACK,
    ),
    Life(
        "an ACK that was repeated twice",
        "tcp_timeout_established", 5 * DAY_S, (*OPENED, ACK, ACK), ACK,
    ),
    Life(
        "data that were repeated, with one repetition allowed",
        "tcp_timeout_max_retrans", 300, (*OPENED, DATA, DATA), DATA,
        settings={"tcp_max_retrans": 1},
    ),
    Life(
        "a window of zero",
        "tcp_timeout_max_retrans", 300, (*OPENED, "server A seq=5001 ack=1001 win=0"), ACK,
    ),
    Life(
        "a window of zero that opened again",
        "tcp_timeout_established", 5 * DAY_S,
        (*OPENED, "server A seq=5001 ack=1001 win=0", "server A seq=5001 ack=1001 win=9 +10s"), ACK,
    ),
    Life(
        "repetitions do not lengthen a state that is shorter",
        "tcp_timeout_close_wait", 60, (*CLOSED[:5], CLOSED[4], CLOSED[4], CLOSED[4]), LAST_ACK,
    ),
]  # fmt: skip

UDP: Final = [
    Life("unanswered UDP", "udp_timeout", 30, ("client udp",), "client udp"),
    Life(
        "unanswered UDP that goes on talking",
        "udp_timeout", 30, ("client udp", "client udp +3s", "client udp +3s"), "client udp",
    ),
    Life("answered UDP", "udp_timeout", 30, ("client udp", "server udp +1s"), "client udp"),
    Life(
        "the first answer, however late",
        "udp_timeout", 30, ("client udp", "server udp +20s"), "client udp",
    ),
    Life(
        "answered UDP that talks for two seconds",
        "udp_timeout", 30, ("client udp", "server udp +1s", "client udp +1s"), "client udp",
    ),
    Life(
        "answered UDP that talks for longer: the client",
        "udp_timeout_stream", 120, ("client udp", "server udp +1s", "client udp +1.001s"),
        "client udp",
    ),
    Life(
        "answered UDP that talks for longer: the server",
        "udp_timeout_stream", 120, ("client udp", "server udp +1s", "server udp +1.001s"),
        "server udp",
    ),
    Life("unanswered UDP-Lite", "udp_timeout", 30, ("client udplite",), "client udplite"),
    Life(
        "answered UDP-Lite",
        "udp_timeout_stream", 120, ("client udplite", "server udplite", "client udplite"),
        "client udplite",
    ),
    Life(
        "an ICMP error about it moves nothing",
        "udp_timeout", 30, ("client udp as=sent", "router port-unreachable about=sent +10s"),
        "client udp", since=0,
    ),
    Life(
        "a packet that is INVALID moves nothing",
        "udp_timeout", 30, ("client udp", "client udp length=3 +10s"), "client udp", since=0,
    ),
    Life(
        "a packet that is UNTRACKED moves nothing",
        "udp_timeout", 30, ("client udp", "client udp notrack +10s"), "client udp", since=0,
    ),
    Life(
        "a packet that the rules drop counts all the same",
        "udp_timeout", 30, ("client udp", "client udp dropped +10s"), "client udp",
    ),
]  # fmt: skip

OTHERS: Final = [
    Life("a ping", "icmp_timeout", 30, ("client ping",), "client ping", families=(4,)),
    Life(
        "an answered ping", "icmp_timeout", 30, ("client ping", "server pong +10s"), "client ping",
        families=(4,),
    ),
    Life("a timestamp", "icmp_timeout", 30, ("client timestamp",), "client timestamp",
         families=(4,)),
    Life("a ping over IPv6", "icmpv6_timeout", 30, ("client ping",), "client ping", families=(6,)),
    Life(
        "an answered ping over IPv6", "icmpv6_timeout", 30, ("client ping", "server pong +10s"),
        "client ping", families=(6,),
    ),
    Life("GRE", "gre_timeout", 30, ("client gre",), "client gre"),
    Life("GRE's first answer", "gre_timeout", 30, ("client gre", "server gre"), "client gre"),
    Life(
        "answered GRE",
        "gre_timeout_stream", 180, ("client gre", "server gre", "client gre"), "client gre",
    ),
    Life(
        "a PPTP call", "gre_timeout", 30, ("client gre call=7", "client gre call=7 +5s"),
        "client gre call=7",
    ),
    Life("ESP", "generic_timeout", 600, ("client proto number=50 len=8",),
         "client proto number=50 len=8"),
    Life(
        "answered ESP", "generic_timeout", 600,
        ("client proto number=50 len=8", "server proto number=50 len=8 +5s"),
        "client proto number=50 len=8",
    ),
    Life("DCCP", "generic_timeout", 600, ("client proto number=33 len=24",),
         "client proto number=33 len=24"),
]  # fmt: skip

INIT: Final = "client sctp chunks=init init-tag=12"
ASSOCIATED: Final = (
    INIT,
    "server sctp chunks=init-ack tag=12 init-tag=34",
    "client sctp chunks=cookie-echo tag=34",
    "server sctp chunks=cookie-ack tag=12",
)
HEARTBEAT: Final = "client sctp chunks=heartbeat tag=34"
SHUTDOWN: Final = "client sctp chunks=shutdown tag=34"
SCTP: Final = [
    Life("CLOSED", "sctp_timeout_closed", 10, (INIT,), INIT),
    Life("COOKIE_WAIT", "sctp_timeout_cookie_wait", 3, ASSOCIATED[:2], ASSOCIATED[2]),
    Life("COOKIE_ECHOED", "sctp_timeout_cookie_echoed", 3, ASSOCIATED[:3], ASSOCIATED[3]),
    Life("ESTABLISHED", "sctp_timeout_established", 210, ASSOCIATED, HEARTBEAT),
    Life("SHUTDOWN_SENT", "sctp_timeout_shutdown_sent", 3, (*ASSOCIATED, SHUTDOWN), SHUTDOWN),
    Life(
        "SHUTDOWN_RECD",
        "sctp_timeout_shutdown_recd", 3,
        (*ASSOCIATED, "server sctp chunks=shutdown tag=12"), HEARTBEAT,
    ),
    Life(
        "SHUTDOWN_ACK_SENT",
        "sctp_timeout_shutdown_ack_sent", 3,
        (*ASSOCIATED, SHUTDOWN, "server sctp chunks=shutdown-ack tag=12"), HEARTBEAT,
    ),
    Life("HEARTBEAT_SENT", "sctp_timeout_heartbeat_sent", 30, (HEARTBEAT,), HEARTBEAT),
    Life(
        "an abort", "sctp_timeout_closed", 10,
        (*ASSOCIATED, "client sctp chunks=abort tag=34"), HEARTBEAT,
    ),
    Life(
        "data in ESTABLISHED", "sctp_timeout_established", 210,
        (*ASSOCIATED, "client sctp chunks=data tag=34 +9s"), HEARTBEAT,
    ),
    Life(
        "a repeated INIT moves nothing", "sctp_timeout_closed", 10,
        (INIT, INIT + " +4s", INIT + " +4s"), INIT, since=0,
    ),
    Life(
        "a heartbeat of another path moves nothing", "sctp_timeout_established", 210,
        (*ASSOCIATED, "client sctp chunks=heartbeat tag=99 +9s"), HEARTBEAT, since=3,
    ),
    Life(
        "a wrong tag moves nothing", "sctp_timeout_established", 210,
        (*ASSOCIATED, "client sctp chunks=data tag=99 +9s"), HEARTBEAT, since=3,
    ),
]  # fmt: skip

LIVES: Final = {"TCP": TCP, "UDP": UDP, "SCTP": SCTP, "": OTHERS}
RUNS: Final = [
    pytest.param(life, family, id=f"{protocol} {life.title} (IPv{family})".strip())
    for protocol, lives in LIVES.items()
    for life in lives
    for family in life.families
]


class Clock:
    """A firewall that has seen a life's packets, and the clock, still at the last of them."""

    def __init__(self, life: Life, family: int, timeouts: dict[str, int]) -> None:
        settings = Settings(timeouts=Timeouts(timeouts))
        for name, value in life.settings.items():
            setattr(settings, name, value)
        self._sender = Sender(family)
        self.firewall = firewall(RULES, settings)
        self.now = START_S
        self.sent_at: list[float] = []
        for line in life.lines:
            self.send(line)
        (self.entry,) = self.firewall.conntrack.table.connections()

    def send(self, line: str) -> Connection | None:
        """Send a packet, at its own `+TIME` after the one before; the connection it belongs to."""
        step = parse_step(f"unsent {line}", "here")
        self.now += step.delay_s
        self.sent_at.append(self.now)
        mark = NOTRACK_MARK if step.notrack else DROP_MARK if step.dropped else 0
        data = self._sender.octets(step)
        return self.firewall.handle(data, PacketMeta(mark=mark), self.now).info.connection

    def finds(self, probe: str, now: float) -> bool:
        """Whether a packet at that time belongs to the connection that the life has made."""
        self.now = now
        return self.send(probe) is self.entry

    def sweep(self, now: float) -> int:
        """How many connections are left when the table is swept at that time."""
        self.firewall.conntrack.expire(now, ALL)
        return self.firewall.conntrack.table.size


def lives_for(life: Life, family: int, timeouts: dict[str, int], seconds: int) -> None:
    """The connection is there one millisecond before its time is over, and gone then."""

    def clock() -> Clock:
        return Clock(life, family, timeouts)

    deadline = clock().sent_at[life.since] + seconds
    assert clock().entry.deadline == pytest.approx(deadline, abs=1e-6)
    assert clock().finds(life.probe, deadline - MILLISECOND_S)
    assert not clock().finds(life.probe, deadline)
    assert clock().sweep(deadline - MILLISECOND_S) == 1
    assert clock().sweep(deadline + SWEEP_DELAY_S) == 0


@pytest.mark.parametrize(("life", "family"), RUNS)
def test_a_connection_lives_to_the_second(life: Life, family: int) -> None:
    lives_for(life, family, {}, life.seconds)


@pytest.mark.parametrize(("life", "family"), RUNS)
def test_it_lives_as_long_as_the_configuration_says(life: Life, family: int) -> None:
    lives_for(life, family, {life.timeout: CHANGED_S}, CHANGED_S)


@pytest.mark.parametrize(("life", "family"), RUNS)
def test_it_depends_on_no_other_timeout(life: Life, family: int) -> None:
    # Longer ones: the shorter of two may rightly win.
    others = {name: value * 2 for name, value in TIMEOUT_DEFAULTS.items() if name != life.timeout}
    lives_for(life, family, others, life.seconds)


def test_every_timeout_has_a_life() -> None:
    lived = {life.timeout: life.seconds for lives in LIVES.values() for life in lives}
    assert lived == TIMEOUT_DEFAULTS


def test_a_packet_moves_the_deadline_with_it() -> None:
    clock = Clock(UDP[0], 4, {})
    for _ in range(5):
        assert clock.finds("client udp", clock.now + 30 - MILLISECOND_S)
    assert clock.entry.deadline == pytest.approx(clock.now + 30)
    assert not clock.finds("client udp", clock.now + 30)

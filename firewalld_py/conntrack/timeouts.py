"""How long an idle connection lives, by protocol and state.

Names and defaults are those of the kernel's `net.netfilter.nf_conntrack_*` sysctls without their
prefix; all values are seconds.
"""

from __future__ import annotations

from typing import Final

TIMEOUT_DEFAULTS: Final[dict[str, int]] = {
    "tcp_timeout_syn_sent": 120,
    "tcp_timeout_syn_recv": 60,
    "tcp_timeout_established": 432000,
    "tcp_timeout_fin_wait": 120,
    "tcp_timeout_close_wait": 60,
    "tcp_timeout_last_ack": 30,
    "tcp_timeout_time_wait": 120,
    "tcp_timeout_close": 10,
    "tcp_timeout_syn_sent2": 120,
    "tcp_timeout_max_retrans": 300,
    "tcp_timeout_unacknowledged": 300,
    "udp_timeout": 30,
    "udp_timeout_stream": 120,
    "icmp_timeout": 30,
    "icmpv6_timeout": 30,
    "sctp_timeout_closed": 10,
    "sctp_timeout_cookie_wait": 3,
    "sctp_timeout_cookie_echoed": 3,
    "sctp_timeout_established": 210,
    "sctp_timeout_shutdown_sent": 3,
    "sctp_timeout_shutdown_recd": 3,
    "sctp_timeout_shutdown_ack_sent": 3,
    "sctp_timeout_heartbeat_sent": 30,
    "gre_timeout": 30,
    "gre_timeout_stream": 180,
    "generic_timeout": 600,
}

# The TCP states in the order of their numbers (tcp_states.py); NONE has no time of its own.
_TCP_BY_STATE: Final[tuple[str, ...]] = (
    "tcp_timeout_syn_sent",
    "tcp_timeout_syn_sent",
    "tcp_timeout_syn_recv",
    "tcp_timeout_established",
    "tcp_timeout_fin_wait",
    "tcp_timeout_close_wait",
    "tcp_timeout_last_ack",
    "tcp_timeout_time_wait",
    "tcp_timeout_close",
    "tcp_timeout_syn_sent2",
)
# The SCTP states likewise (sctp_states.py).
_SCTP_BY_STATE: Final[tuple[str, ...]] = (
    "sctp_timeout_closed",
    "sctp_timeout_closed",
    "sctp_timeout_cookie_wait",
    "sctp_timeout_cookie_echoed",
    "sctp_timeout_established",
    "sctp_timeout_shutdown_sent",
    "sctp_timeout_shutdown_recd",
    "sctp_timeout_shutdown_ack_sent",
    "sctp_timeout_heartbeat_sent",
)


class Timeouts:
    """The timeouts as the trackers read them: seconds as floats, `tcp` and `sctp` by state."""

    __slots__ = (
        "generic",
        "gre",
        "gre_stream",
        "icmp",
        "icmpv6",
        "sctp",
        "tcp",
        "tcp_max_retrans",
        "tcp_unacknowledged",
        "udp",
        "udp_stream",
    )

    def __init__(self, changed: dict[str, int]) -> None:
        """`changed` overrides defaults by name; an unknown name is a KeyError."""
        for name in changed:
            if name not in TIMEOUT_DEFAULTS:
                raise KeyError(name)
        seconds = {**TIMEOUT_DEFAULTS, **changed}
        self.tcp: list[float] = [float(seconds[name]) for name in _TCP_BY_STATE]
        self.tcp_max_retrans = float(seconds["tcp_timeout_max_retrans"])
        self.tcp_unacknowledged = float(seconds["tcp_timeout_unacknowledged"])
        self.udp = float(seconds["udp_timeout"])
        self.udp_stream = float(seconds["udp_timeout_stream"])
        self.icmp = float(seconds["icmp_timeout"])
        self.icmpv6 = float(seconds["icmpv6_timeout"])
        self.sctp: list[float] = [float(seconds[name]) for name in _SCTP_BY_STATE]
        self.gre = float(seconds["gre_timeout"])
        self.gre_stream = float(seconds["gre_timeout_stream"])
        self.generic = float(seconds["generic_timeout"])

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
    "generic_timeout": 600,
}

# The TCP states in the order of their numbers (tcp.py); NONE has no time of its own.
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


class Timeouts:
    """The timeouts in the form the trackers read; seconds as floats. `tcp` is indexed by state."""

    __slots__ = (
        "generic",
        "icmp",
        "icmpv6",
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
        self.generic = float(seconds["generic_timeout"])

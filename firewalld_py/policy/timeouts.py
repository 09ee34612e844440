"""The timeouts that may be set: all in the configuration, those of some connections in a rule."""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.timeouts import TIMEOUT_DEFAULTS
from firewalld_py.packet.protocols import (
    IPPROTO_GRE,
    IPPROTO_ICMP,
    IPPROTO_ICMPV6,
    IPPROTO_SCTP,
    IPPROTO_TCP,
    IPPROTO_UDP,
    IPPROTO_UDPLITE,
)
from firewalld_py.policy.keys import Key, Table, one
from firewalld_py.policy.values import DURATION, duration

YEAR_S: Final = 366 * 86400  # the longest timeout

TIMEOUTS: Final = Table(
    "section timeouts",
    tuple(
        Key(
            name,
            one(duration(1, YEAR_S), DURATION),
            DURATION,
            f"as the kernel's nf_conntrack_{name}",
            default,
        )
        for name, default in TIMEOUT_DEFAULTS.items()
    ),
)
# Whose timeouts those are whose names begin so; all other protocols have generic_timeout.
_OWNERS: Final[dict[str, frozenset[int]]] = {
    "tcp": frozenset((IPPROTO_TCP,)),
    "udp": frozenset((IPPROTO_UDP, IPPROTO_UDPLITE)),
    "icmp": frozenset((IPPROTO_ICMP,)),
    "icmpv6": frozenset((IPPROTO_ICMPV6,)),
    "sctp": frozenset((IPPROTO_SCTP,)),
    "gre": frozenset((IPPROTO_GRE,)),
}
_OWNED: Final = frozenset[int]().union(*_OWNERS.values())


def protocols_of(timeout: str) -> frozenset[int]:
    """The protocols whose connections a timeout of this name is for."""
    return _OWNERS.get(timeout.partition("_")[0], frozenset(range(256)) - _OWNED)

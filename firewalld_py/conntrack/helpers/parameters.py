"""The helpers' parameters: names and defaults are those of the kernel's modules nf_conntrack_*.

Timeouts are seconds, switches 0 or 1. A parameter's name begins with its helper's.
"""

from __future__ import annotations

from typing import Final

PARAMETER_DEFAULTS: Final[dict[str, int]] = {
    "ftp_loose": 0,
    "irc_max_dcc_channels": 8,
    "irc_dcc_timeout": 300,
    "sip_timeout": 3600,
    "sip_direct_signalling": 1,
    "sip_direct_media": 1,
    "sip_external_media": 0,
    "amanda_master_timeout": 300,
    "h323_default_rrq_ttl": 300,
    "h323_gkrouted_only": 1,
    "h323_callforward_filter": 1,
    "h323_third_parties": 0,  # no kernel has this one: there they are allowed
    "netbios_ns_timeout": 3,
    "snmp_timeout": 30,
}

"""All helpers by the names that rules give to them, which are the kernel's."""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.helpers.amanda import AmandaHelper
from firewalld_py.conntrack.helpers.base import Helper, Readable
from firewalld_py.conntrack.helpers.broadcast import NETBIOS_NS_PORT, SNMP_PORT, BroadcastHelper
from firewalld_py.conntrack.helpers.ftp import FtpHelper
from firewalld_py.conntrack.helpers.h323_h245 import H245Helper
from firewalld_py.conntrack.helpers.h323_q931 import Q931Helper
from firewalld_py.conntrack.helpers.h323_ras import RasHelper
from firewalld_py.conntrack.helpers.irc import IrcHelper
from firewalld_py.conntrack.helpers.parameters import PARAMETER_DEFAULTS
from firewalld_py.conntrack.helpers.pptp import PptpHelper
from firewalld_py.conntrack.helpers.sane import SaneHelper
from firewalld_py.conntrack.helpers.sip import SipHelper
from firewalld_py.conntrack.helpers.tftp import TftpHelper


def make_helpers(parameters: dict[str, int]) -> dict[str, Helper]:
    """Every helper, with `parameters` of all names of PARAMETER_DEFAULTS."""
    h323_third_parties = parameters["h323_third_parties"] != 0
    helpers: list[Helper] = [
        FtpHelper(parameters["ftp_loose"] != 0),
        Q931Helper(parameters["h323_callforward_filter"] != 0, h323_third_parties),
        H245Helper(),
        RasHelper(
            parameters["h323_default_rrq_ttl"],
            parameters["h323_gkrouted_only"] != 0,
            h323_third_parties,
        ),
        SipHelper(parameters),
        PptpHelper(),
        IrcHelper(parameters["irc_max_dcc_channels"], parameters["irc_dcc_timeout"]),
        TftpHelper(),
        SaneHelper(),
        AmandaHelper(parameters["amanda_master_timeout"]),
        BroadcastHelper("netbios-ns", NETBIOS_NS_PORT, parameters["netbios_ns_timeout"]),
        BroadcastHelper("snmp", SNMP_PORT, parameters["snmp_timeout"]),
    ]
    return {helper.name: helper for helper in helpers}


# What connections each can read; see policy/, which knows no more of them.
READABLE: Final[dict[str, Readable]] = {
    name: helper.readable for name, helper in make_helpers(PARAMETER_DEFAULTS).items()
}

"""What config/rules.yaml does with packets, judged by the engine itself."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from scapy.layers.dns import DNS
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror, UDPerror
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6ND_NS, IPv6
from scapy.packet import Packet

from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.protocols import HOOK_FORWARD, HOOK_INPUT, HOOK_OUTPUT
from firewalld_py.pipeline import Firewall
from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.policy.load import load_rules
from firewalld_py.rules.build import build_ruleset

RULES: Final = Path(__file__).parents[2] / "config" / "rules.yaml"
INDEXES: Final = {"": 0, "lo": 1, "lan0": 2, "wan0": 3}
CLIENT: Final = "10.1.0.5"
SERVER: Final = "203.0.113.9"
GATEWAY: Final = "10.1.0.1"


class Gateway:
    """The shipped policy over an empty state table; time passes a millisecond per packet."""

    def __init__(self) -> None:
        ruleset = build_ruleset(compile_policy(load_rules(RULES), Config()))
        ruleset.interfaces.set_names({index: name for name, index in INDEXES.items() if index})
        self.firewall = Firewall(ruleset, Conntrack(Settings()))
        self.now = 1000.0

    def judge(self, way: str, packet: Packet) -> str:
        """Say "accept lan out" of a packet that goes "lan0 > wan0", "lan0 >" or "> wan0"."""
        came, _, left = (part.strip() for part in way.partition(">"))
        hook = HOOK_OUTPUT if not came else HOOK_INPUT if not left else HOOK_FORWARD
        meta = PacketMeta(hook, INDEXES[came], INDEXES[left])
        self.now += 0.001
        decision = self.firewall.handle(bytes(packet), meta, self.now)
        rule = decision.rule.name if decision.rule else "policy"
        return f"{decision.verdict_name()} {rule}"


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.mark.parametrize("outside", [SERVER, "198.51.100.1"])
def test_a_connection_from_inside_and_its_answers_pass(gateway: Gateway, outside: str) -> None:
    syn = IP(src=CLIENT, dst=outside) / TCP(sport=4000, dport=80, flags="S", seq=1)
    answer = IP(src=outside, dst=CLIENT) / TCP(sport=80, dport=4000, flags="SA", seq=9, ack=2)
    assert gateway.judge("lan0 > wan0", syn) == "accept lan out"
    assert gateway.judge("wan0 > lan0", answer) == "accept answers"


def test_nobody_outside_begins_anything(gateway: Gateway) -> None:
    syn = TCP(sport=4000, dport=22, flags="S", seq=1)
    assert gateway.judge("wan0 > lan0", IP(src=SERVER, dst=CLIENT) / syn) == "drop rest"
    assert gateway.judge("wan0 >", IP(src=SERVER, dst=GATEWAY) / syn) == "drop rest"
    forged = IP(src="10.1.0.7", dst=CLIENT) / syn
    assert gateway.judge("wan0 > lan0", forged) == "drop rest"


@pytest.mark.parametrize(
    "version", [IP(src=CLIENT, dst=GATEWAY), IPv6(src="fd00:1::5", dst="fd00:1::1")]
)
def test_the_administrator_comes_in_also_in_the_middle_of_her_session(
    gateway: Gateway, version: Packet
) -> None:
    syn = version / TCP(sport=4000, dport=22, flags="S", seq=1)
    assert gateway.judge("lan0 >", syn) == "accept ssh from lan"
    # The daemon was started under her hands: the session is older than the table.
    middle = version / TCP(sport=4001, dport=22, flags="A", seq=7, ack=8)
    assert gateway.judge("lan0 >", middle) == "accept ssh from lan"


def test_the_gateway_answers_pings_from_inside_only(gateway: Gateway) -> None:
    assert gateway.judge("lan0 >", IP(src=CLIENT, dst=GATEWAY) / ICMP()) == "accept ping from lan"
    ping6 = IPv6(src="fd00:1::5", dst="fd00:1::1") / ICMPv6EchoRequest()
    assert gateway.judge("lan0 >", ping6) == "accept ping6 from lan"
    assert gateway.judge("wan0 >", IP(src=SERVER, dst=GATEWAY) / ICMP()) == "drop rest"


def test_neighbours_find_each_other(gateway: Gateway) -> None:
    question = IPv6(src="fe80::5", dst="ff02::1:ff00:1", hlim=255) / ICMPv6ND_NS(tgt="fd00:1::1")
    assert gateway.judge("lan0 >", question) == "accept neighbours"
    assert gateway.judge("wan0 >", question) == "accept neighbours"
    assert gateway.judge("> lan0", question) == "accept policy"


def test_dns_goes_out_and_comes_back_untracked(gateway: Gateway) -> None:
    question = IP(src=CLIENT, dst=SERVER) / UDP(sport=4000, dport=53) / DNS(rd=1)
    answer = IP(src=SERVER, dst=CLIENT) / UDP(sport=53, dport=4000) / DNS(qr=1)
    assert gateway.judge("lan0 > wan0", question) == "accept dns"
    assert gateway.judge("wan0 > lan0", answer) == "accept dns answers"
    assert gateway.firewall.conntrack.table.size == 0
    # An ICMP error about what is not tracked is RELATED to nothing.
    error = ICMP(type=3, code=3) / IPerror(src=CLIENT, dst=SERVER) / UDPerror(sport=4000, dport=53)
    assert gateway.judge("wan0 > lan0", IP(src=SERVER, dst=CLIENT) / error) == "drop junk"


def test_the_gateways_own_dns_is_tracked(gateway: Gateway) -> None:
    question = IP(src="203.0.113.1", dst=SERVER) / UDP(sport=4000, dport=53) / DNS(rd=1)
    answer = IP(src=SERVER, dst="203.0.113.1") / UDP(sport=53, dport=4000) / DNS(qr=1)
    assert gateway.judge("> wan0", question) == "accept policy"
    assert gateway.judge("wan0 >", answer) == "accept answers"


def test_an_error_about_a_connection_is_related(gateway: Gateway) -> None:
    datagram = IP(src=CLIENT, dst=SERVER, ttl=1) / UDP(sport=4000, dport=33434)
    assert gateway.judge("lan0 > wan0", datagram) == "accept lan out"
    inner = IPerror(src=CLIENT, dst=SERVER) / UDPerror(sport=4000, dport=33434)
    error = IP(src="203.0.113.2", dst=CLIENT) / ICMP(type=11, code=0) / inner
    assert gateway.judge("wan0 > lan0", error) == "accept answers"


def test_telnet_is_refused_and_nonsense_is_dropped(gateway: Gateway) -> None:
    telnet = IP(src=CLIENT, dst=SERVER) / TCP(sport=4000, dport=23, flags="S")
    assert gateway.judge("lan0 > wan0", telnet) == "reject no telnet"
    xmas = IP(src=CLIENT, dst=SERVER) / TCP(sport=4000, dport=80, flags="FPU")
    assert gateway.judge("lan0 > wan0", xmas) == "drop junk"

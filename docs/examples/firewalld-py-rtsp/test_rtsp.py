"""The helper in a firewall: what is said on the control connection, and what is expected then."""

from __future__ import annotations

import pytest
from firewalld_py_rtsp.helper import RtspHelper
from scapy.layers.inet import IP, TCP, UDP
from scapy.packet import Packet, Raw

from firewalld_py.conntrack.connection import NEW, RELATED
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.pipeline import Firewall
from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.policy.load import parse_rules
from firewalld_py.rules.build import build_ruleset

CLIENT, CAMERA = "10.1.0.5", "203.0.113.9"
RULES = """
version: 1
raw:
  prerouting:
    - {name: rtsp control, proto: tcp, dport: 554, action: {helper: rtsp}}
"""
SETUP = (
    b"SETUP rtsp://camera/video RTSP/1.0\r\nCSeq: 3\r\n"
    b"Transport: RTP/AVP;unicast;client_port=%s\r\n\r\n"
)
ANSWER = (
    b"RTSP/1.0 200 OK\r\nCSeq: 3\r\n"
    b"transport: RTP/AVP;unicast;client_port=4588-4589;server_port=6256-6257\r\n\r\n"
)


class Scene:
    """A firewall, and an open control connection through it."""

    def __init__(self) -> None:
        helper = RtspHelper()
        policy, problems = parse_rules(RULES, "rules.yaml", {helper.name: helper.readable})
        assert policy is not None, problems
        ruleset = build_ruleset(compile_policy(policy, Config()))
        self.conntrack = Conntrack(Settings(), more_helpers=[helper])
        self.firewall = Firewall(ruleset, self.conntrack)
        self.seq = {CLIENT: 1000, CAMERA: 5000}
        for sender, flags in ((CLIENT, "S"), (CAMERA, "SA"), (CLIENT, "A")):
            self.say(sender, b"", flags)

    def say(self, sender: str, payload: bytes, flags: str = "PA") -> list[int]:
        """A segment of one side; to which ports connections are expected then."""
        peer = CAMERA if sender == CLIENT else CLIENT
        ports = (40000, 554) if sender == CLIENT else (554, 40000)
        ack = 0 if flags == "S" else self.seq[peer]
        segment = TCP(sport=ports[0], dport=ports[1], flags=flags, seq=self.seq[sender], ack=ack)
        self.seq[sender] += len(payload) + ("S" in flags)
        self.state_of(IP(src=sender, dst=peer) / segment / Raw(payload))
        return sorted(one.dport for one in self.conntrack.expectations.all(1.0))

    def state_of(self, packet: Packet) -> int:
        return self.firewall.handle(bytes(packet), PacketMeta(), 1.0).info.state


def stream(sender: str, peer: str, sport: int, dport: int) -> Packet:
    return IP(src=sender, dst=peer) / UDP(sport=sport, dport=dport) / Raw(b"media")


def test_the_streams_that_are_agreed_upon_are_related_either_way() -> None:
    scene = Scene()
    assert scene.say(CLIENT, SETUP % b"4588-4589") == [4588, 4589]
    assert scene.say(CAMERA, ANSWER) == [4588, 4589, 6256, 6257]
    assert scene.state_of(stream(CAMERA, CLIENT, 6256, 4588)) == RELATED
    assert scene.state_of(stream(CLIENT, CAMERA, 4589, 6257)) == RELATED
    assert scene.state_of(stream(CAMERA, CLIENT, 6256, 4590)) == NEW


def test_nobody_else_may_send_to_the_client() -> None:
    scene = Scene()
    scene.say(CLIENT, SETUP % b"4588-4589")
    assert scene.state_of(stream("192.0.2.1", CLIENT, 6256, 4588)) == NEW


@pytest.mark.parametrize(
    "ports",
    [b"", b"x", b"22", b"-4588", b"4588-4590", b"4589-4588", b"65535-65536", b"70000",
     b"4588-4589-4590", b"4 588", b"1" * 5000],
)  # fmt: skip
def test_other_ports_than_one_or_two_high_ones_lead_to_nothing(ports: bytes) -> None:
    assert Scene().say(CLIENT, SETUP % ports) == []


def test_a_header_that_is_cut_leads_to_nothing() -> None:
    whole = SETUP % b"4588-4589"
    for length in range(len(whole)):
        assert Scene().say(CLIENT, whole[:length]) == []


def test_what_the_wrong_side_says_leads_to_nothing() -> None:
    scene = Scene()
    assert scene.say(CAMERA, SETUP % b"4588-4589") == []
    assert scene.say(CLIENT, ANSWER) == []

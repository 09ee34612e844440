"""Each state as real traffic brings it about, seen in the daemon's own verdict log."""

from __future__ import annotations

from typing import Final

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6

from tests.lab.capture import Capture, to_port
from tests.lab.daemon import Daemon
from tests.lab.servers import fetch_page, http_server, udp_server
from tests.lab.traffic import IcmpError, ping, send_packet, tcp_connect, trace, udp_ask
from tests.lab.world import (
    CLIENT4,
    CLIENT6,
    FAR4,
    FAR6,
    GATEWAY_LAN4,
    GATEWAY_LAN6,
    SERVER4,
    SERVER6,
    World,
)

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

RULES: Final = """
version: 1
filter:
  forward:
    policy: drop
    rules:
      - {name: answers, state: established, log: {limit: 1000/second}, action: accept}
      - {name: errors, state: related, log: {limit: 1000/second}, action: accept}
      - {name: junk, state: invalid, log: {limit: 1000/second}, action: drop}
      - {name: untracked, state: untracked, log: {limit: 1000/second}, action: drop}
      - {name: unwanted, dport: 666, proto: [tcp, udp], log: {limit: 1000/second}, action: drop}
      - {name: new, state: new, log: {limit: 1000/second}, action: accept}
"""
CONFIG: Final = {"log": {"rate": "1000/second", "burst": 1000}}
# Where packets are counted, the gateway's own IPv6 neighbour discovery shall not be among them.
FORWARD_ONLY: Final = {**CONFIG, "hook": {"chains": ["forward"]}}
FAMILIES: Final = pytest.mark.parametrize(
    ("client", "server", "ip"), [(CLIENT4, SERVER4, IP), (CLIENT6, SERVER6, IPv6)]
)


@pytest.mark.parametrize(
    ("server", "proto", "types"), [(SERVER4, "ICMP", "8 0"), (SERVER6, "ICMPv6", "128 129")]
)
def test_the_answer_to_a_ping_is_established(
    daemon: Daemon, world: World, server: str, proto: str, types: str
) -> None:
    mark = daemon.log.mark()
    assert ping(world.client, server)
    request, reply = types.split()
    daemon.log.wait_verdict(mark, state="NEW", rule="new", PROTO=proto, TYPE=request, DST=server)
    daemon.log.wait_verdict(
        mark, state="ESTABLISHED", rule="answers", PROTO=proto, TYPE=reply, SRC=server
    )


@pytest.mark.parametrize("server", [SERVER4, SERVER6])
def test_a_page_is_fetched_with_one_new_packet_and_then_established(
    daemon: Daemon, world: World, server: str
) -> None:
    mark = daemon.log.mark()
    with http_server(world.server, server):
        assert fetch_page(world.client, server).startswith(b"This page")
    daemon.log.wait_verdict(mark, state="ESTABLISHED", SRC=server, SPT="80")
    of_page = daemon.log.verdicts(mark, PROTO="TCP", DPT="80")
    assert [verdict.state for verdict in of_page].count("NEW") == 1
    assert of_page[0].state == "NEW"
    assert "SYN" in of_page[0].flags
    assert not daemon.log.verdicts(mark, state="INVALID")


@pytest.mark.parametrize(
    ("gateway", "server", "far", "proto", "kind"),
    [
        (GATEWAY_LAN4, SERVER4, FAR4, "ICMP", "11"),
        (GATEWAY_LAN6, SERVER6, FAR6, "ICMPv6", "3"),
    ],
)
def test_the_time_exceeded_of_a_traceroute_is_related(
    daemon: Daemon, world: World, gateway: str, server: str, far: str, proto: str, kind: str
) -> None:
    mark = daemon.log.mark()
    assert trace(world.client, far) == [gateway, server, far]
    daemon.log.wait_verdict(
        mark, state="RELATED", rule="errors", PROTO=proto, TYPE=kind, SRC=server
    )


@pytest.mark.parametrize(
    ("server", "proto", "kind"), [(SERVER4, "ICMP", "3"), (SERVER6, "ICMPv6", "1")]
)
def test_the_port_unreachable_of_a_host_is_related_and_reaches_the_asker(
    daemon: Daemon, world: World, server: str, proto: str, kind: str
) -> None:
    mark = daemon.log.mark()
    answer = udp_ask(world.client, server, 4444)
    assert isinstance(answer, IcmpError)
    assert answer.sender == server
    daemon.log.wait_verdict(
        mark, state="RELATED", rule="errors", PROTO=proto, TYPE=kind, SRC=server
    )


@FAMILIES
@pytest.mark.parametrize("flags", ["SA", "FPU", "", "R", "F"])
def test_a_packet_that_belongs_to_nothing_is_invalid(
    daemon: Daemon, world: World, client: str, server: str, ip: type[IP], flags: str
) -> None:
    mark = daemon.log.mark()
    send_packet(world.server, ip(src=server, dst=client) / TCP(sport=80, dport=4000, flags=flags))
    daemon.log.wait_verdict(
        mark, state="INVALID", rule="junk", action="drop", SRC=server, SPT="80", DPT="4000"
    )


@FAMILIES
def test_with_tcp_loose_an_ack_out_of_the_blue_is_new(
    daemon: Daemon, world: World, client: str, server: str, ip: type[IP]
) -> None:
    mark = daemon.log.mark()
    with Capture(world.server, "eth0", 6 if ":" in server else 4) as capture:
        send_packet(world.client, _ack(ip, client, server))
        daemon.log.wait_verdict(mark, state="NEW", rule="new", DST=server, SPT="4001")
        capture.until(to_port(80))


@FAMILIES
def test_without_tcp_loose_an_ack_out_of_the_blue_is_invalid(
    client: str, server: str, ip: type[IP]
) -> None:
    config = {**CONFIG, "conntrack": {"tcp_loose": False}}
    with World() as world, Daemon(world.gateway, RULES, config) as strict:
        send_packet(world.client, _ack(ip, client, server))
        strict.log.wait_verdict(state="INVALID", rule="junk", DST=server, SPT="4001")
        # What begins with a SYN is as welcome as ever.
        with http_server(world.server, server):
            assert fetch_page(world.client, server).startswith(b"This page")


def _ack(ip: type[IP], source: str, destination: str) -> IP:
    segment = TCP(sport=4001, dport=80, flags="A", seq=1000, ack=2000)
    return ip(src=source, dst=destination) / segment


def test_a_dropped_first_packet_leaves_no_connection_behind() -> None:
    with World() as world, Daemon(world.gateway, RULES, FORWARD_ONLY) as fresh:
        send_packet(world.client, IP(src=CLIENT4, dst=SERVER4) / UDP(sport=4002, dport=666))
        assert tcp_connect(world.client, SERVER4, 666, timeout=0.2) == "timed out"
        fresh.log.wait_verdict(state="NEW", rule="unwanted", PROTO="UDP")
        syn = fresh.log.wait_verdict(state="NEW", rule="unwanted", PROTO="TCP")
        status = fresh.wait_status(lambda status: status["workers"][0]["packets"] >= 2)
        assert status["connections"] == 0
        # Their answers are no answers: one opens a connection of its own, the other is nothing.
        send_packet(world.server, IP(src=SERVER4, dst=CLIENT4) / UDP(sport=666, dport=4002))
        fresh.log.wait_verdict(state="NEW", SRC=SERVER4, SPT="666", PROTO="UDP")
        answer = TCP(sport=666, dport=int(syn.fields["SPT"]), flags="SA")
        send_packet(world.server, IP(src=SERVER4, dst=CLIENT4) / answer)
        fresh.log.wait_verdict(state="INVALID", SRC=SERVER4, SPT="666", PROTO="TCP")


def test_an_accepted_first_packet_is_a_connection_and_its_answer_established() -> None:
    with World() as world, Daemon(world.gateway, RULES, FORWARD_ONLY) as fresh:
        with udp_server(world.server, SERVER4, 5000):
            assert udp_ask(world.client, SERVER4, 5000, b"anybody?") == b"anybody?"
        fresh.log.wait_verdict(state="NEW", DPT="5000")
        fresh.log.wait_verdict(state="ESTABLISHED", SPT="5000")
        status = fresh.wait_status(lambda status: status["workers"][0]["packets"] >= 2)
        assert status["connections"] == 1

"""The lab tells the truth: without a firewall everything passes, and it is seen to pass."""

from __future__ import annotations

import errno
import os
import select
import subprocess
import sys

import pytest
from scapy.layers.inet import IP, UDP

from tests.lab.capture import Fence, to_port
from tests.lab.log import parse_verdict
from tests.lab.netns import NETNS_DIR
from tests.lab.servers import MEGABYTE, Download, fetch_page, http_server, udp_server
from tests.lab.traffic import IcmpError, ping, send_packet, tcp_connect, trace, udp_ask
from tests.lab.world import (
    CLIENT4,
    FAR4,
    FAR6,
    GATEWAY_LAN4,
    GATEWAY_LAN6,
    SERVER4,
    SERVER6,
    World,
    remove_leftovers,
)

pytestmark = pytest.mark.needs("root", "netns")


@pytest.mark.parametrize("server", [SERVER4, SERVER6])
def test_tcp_udp_and_ping_reach_the_server(world: World, server: str) -> None:
    with http_server(world.server, server), udp_server(world.server, server, 5000):
        assert tcp_connect(world.client, server, 80) == "connected"
        assert tcp_connect(world.client, server, 81) == "refused"
        assert fetch_page(world.client, server).startswith(b"This page")
        assert Download(world.client, server, 3 * MEGABYTE + 5).finish()
        assert udp_ask(world.client, server, 5000, b"hello") == b"hello"
        assert ping(world.client, server)
    refused = udp_ask(world.client, server, 5000)
    kind = (1, 4) if ":" in server else (3, 3)
    assert refused == IcmpError(errno.ECONNREFUSED, *kind, server)


def test_a_trace_names_every_router(world: World) -> None:
    assert trace(world.client, FAR4) == [GATEWAY_LAN4, SERVER4, FAR4]
    assert trace(world.client, FAR6) == [GATEWAY_LAN6, SERVER6, FAR6]


def test_a_fence_sees_what_passed_before_it(world: World) -> None:
    with Fence(world) as fence:
        for number in range(100):
            send_packet(world.client, IP(src=CLIENT4, dst=SERVER4) / UDP(sport=number, dport=7000))
        passed = [packet for packet in fence.arrived() if to_port(7000)(packet)]
    assert [packet[UDP].sport for packet in passed] == list(range(100))


def test_what_a_killed_lab_left_behind_is_removed() -> None:
    script = (
        "from tests.lab.world import World\n"
        "import os, signal, subprocess\n"
        "world = World()\n"
        "with world.gateway.entered():\n"
        "    left = subprocess.Popen(['sleep', '600'], stdout=subprocess.DEVNULL,\n"
        "                            stderr=subprocess.DEVNULL, start_new_session=True)\n"
        "print(os.getpid(), left.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=30
    )
    owner, left = done.stdout.split()
    assert len(list(NETNS_DIR.glob(f"fwlab-{owner}-*"))) == 4
    ended = os.pidfd_open(int(left))
    try:
        assert len([name for name in remove_leftovers() if f"-{owner}-" in name]) == 4
        assert not list(NETNS_DIR.glob(f"fwlab-{owner}-*"))
        # A pidfd is readable once its process has ended.
        assert select.select([ended], [], [], 5.0)[0] == [ended]
    finally:
        os.close(ended)


def test_a_log_line_is_read_back_without_the_packet_it_quotes() -> None:
    verdict = parse_verdict(
        "errors IN=wan0 OUT=lan0 MAC= SRC=203.0.113.9 DST=10.1.0.5 LEN=56 TTL=63 PROTO=ICMP TYPE=3 "
        "CODE=3 [SRC=10.1.0.5 DST=203.0.113.9 LEN=28 PROTO=UDP SPT=4000 DPT=4444 LEN=8 ] "
        '[accept filter/forward "errors" rules.yaml:8 state=RELATED reason=rule]'
    )
    assert verdict is not None
    assert (verdict.prefix, verdict.action, verdict.rule) == ("errors ", "accept", "errors")
    assert (verdict.file, verdict.line, verdict.state) == ("rules.yaml", 8, "RELATED")
    assert (verdict.fields["SRC"], verdict.fields["LEN"]) == ("203.0.113.9", "56")
    assert "SPT" not in verdict.fields

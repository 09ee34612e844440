"""NOTRACK: what is not tracked is UNTRACKED, and nothing is ever RELATED to it."""

from __future__ import annotations

from typing import Final

import pytest

from tests.lab.daemon import Daemon
from tests.lab.servers import dns_answer, dns_question, udp_server
from tests.lab.traffic import udp_answer, udp_ask, udp_socket
from tests.lab.world import SERVER4, SERVER6, World

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

QUESTIONS: Final = (
    "      - {name: dns, state: untracked, proto: udp, dport: 53, log: true, action: accept}\n"
)
ANSWERS: Final = (
    "      - {name: dns answers, state: untracked, proto: udp, sport: 53, log: true,"
    " action: accept}\n"
)
RULES: Final = f"""
version: 1
raw:
  prerouting:
    - {{proto: udp, dport: 53, action: notrack}}
    - {{proto: udp, sport: 53, action: notrack}}
filter:
  forward:
    policy: drop
    rules:
      - {{name: tracked, state: [new, established, related], log: true, action: accept}}
{QUESTIONS}{ANSWERS}\
      - {{name: rest, log: true, action: drop}}
"""
CONFIG: Final = {"log": {"rate": "1000/second", "burst": 1000}}
BOTH: Final = pytest.mark.parametrize("server", [SERVER4, SERVER6])


@BOTH
def test_notracked_dns_is_untracked_both_ways(daemon: Daemon, world: World, server: str) -> None:
    mark = daemon.log.mark()
    with udp_server(world.server, server, 53, dns_answer):
        answer = udp_ask(world.client, server, 53, dns_question("www.example.net", 7))
    assert answer == dns_answer(dns_question("www.example.net", 7))
    daemon.log.wait_verdict(mark, state="UNTRACKED", rule="dns", DPT="53")
    daemon.log.wait_verdict(mark, state="UNTRACKED", rule="dns answers", SPT="53")


@BOTH
@pytest.mark.parametrize("removed", [QUESTIONS, ANSWERS], ids=["questions", "answers"])
def test_without_the_rule_for_untracked_it_stops(
    daemon: Daemon, world: World, server: str, removed: str
) -> None:
    mark = daemon.log.mark()
    daemon.write_rules(RULES.replace(removed, ""))
    try:
        assert "rules reloaded" in daemon.hangup()
        with (
            udp_server(world.server, server, 53, dns_answer),
            udp_socket(world.client, server, 53) as udp,
        ):
            udp.send(dns_question("www.example.net"))
            dropped = daemon.log.wait_verdict(mark, state="UNTRACKED", rule="rest", action="drop")
            assert dropped.fields["DPT" if removed is QUESTIONS else "SPT"] == "53"
            # Put back, the rule lets the same socket's next question through, and only that one.
            daemon.write_rules(RULES)
            assert "rules reloaded" in daemon.hangup()
            udp.send(dns_question("www.example.net", 2))
            assert udp_answer(udp, 5.0) == dns_answer(dns_question("www.example.net", 2))
    finally:
        daemon.write_rules(RULES)
        daemon.hangup()


@pytest.mark.parametrize(
    ("server", "proto", "kind"), [(SERVER4, "ICMP", "3"), (SERVER6, "ICMPv6", "1")]
)
def test_an_icmp_error_about_untracked_dns_is_not_related(
    daemon: Daemon, world: World, server: str, proto: str, kind: str
) -> None:
    mark = daemon.log.mark()
    with udp_socket(world.client, server, 53) as udp:
        udp.send(dns_question("nobody.listens.example"))
        daemon.log.wait_verdict(mark, state="UNTRACKED", rule="dns", DPT="53", DST=server)
        error = daemon.log.wait_verdict(mark, PROTO=proto, TYPE=kind, SRC=server)
        assert (error.state, error.rule, error.action) == ("INVALID", "rest", "drop")
        # The same error about a tracked question gets through, so the path itself is open.
        assert udp_ask(world.client, server, 54) is not None
        assert udp_answer(udp, 0.0) is None


def test_untracked_packets_make_no_connection() -> None:
    config = {**CONFIG, "hook": {"chains": ["forward"]}}
    with World() as world, Daemon(world.gateway, RULES, config) as fresh:
        with udp_server(world.server, SERVER4, 53, dns_answer):
            assert udp_ask(world.client, SERVER4, 53, dns_question("www.example.net"))
        status = fresh.wait_status(lambda status: status["workers"][0]["packets"] >= 2)
        assert status["connections"] == 0

"""A verdict in the log says all that an administrator asks, and a flood does not drown it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from tests.lab.netns import LabError
from tests.lab.servers import tcp_listener
from tests.lab.traffic import tcp_connect, udp_socket
from tests.lab.world import CLIENT4, CLIENT6, SERVER4, SERVER6, World

if TYPE_CHECKING:
    from tests.lab.daemon import Daemon

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

RULES: Final = """
version: 1
filter:
  forward:
    policy: drop
    rules:
      - {name: answers, state: [established, related], action: accept}
      - name: telnet
        proto: tcp
        dport: 23
        log: {prefix: "telnet! "}
        action: {reject: tcp-reset}
      - {proto: tcp, dport: 24, log: true, action: drop}
      - {name: flood, proto: udp, dport: 1000, log: {limit: 2/second}, action: drop}
      - {name: seen, in: lan0, log: {prefix: "seen "}}
      - {name: lan out, in: lan0, state: new, action: accept}
"""
BURST: Final = 5
CONFIG: Final = {"log": {"rate": "10/second", "burst": BURST}}
FLOOD: Final = 300


def line_of(text: str) -> int:
    """The line of RULES in which `text` stands."""
    return 1 + RULES[: RULES.index(text)].count("\n")


@pytest.mark.parametrize(("client", "server"), [(CLIENT4, SERVER4), (CLIENT6, SERVER6)])
def test_a_line_names_prefix_packet_rule_place_state_and_reason(
    daemon: Daemon, world: World, client: str, server: str
) -> None:
    mark = daemon.log.mark()
    assert tcp_connect(world.client, server, 23) == "refused"
    verdict = daemon.log.wait_verdict(mark, rule="telnet", SRC=client)
    assert verdict.prefix.endswith("telnet! ")
    assert (verdict.table, verdict.chain, verdict.state) == ("filter", "forward", "NEW")
    assert verdict.action == "reject"
    assert (verdict.file, verdict.line) == ("rules.yaml", line_of("name: telnet"))
    assert verdict.reason
    expected = {"IN": "lan0", "OUT": "wan0", "SRC": client, "DST": server, "PROTO": "TCP"}
    assert expected.items() <= verdict.fields.items()
    assert verdict.fields["DPT"] == "23"
    assert int(verdict.fields["SPT"]) > 1023
    assert int(verdict.fields["LEN"]) >= 40
    assert "SYN" in verdict.flags
    assert "ACK" not in verdict.flags


def test_a_rule_without_a_name_is_called_by_its_place(daemon: Daemon, world: World) -> None:
    mark = daemon.log.mark()
    assert tcp_connect(world.client, SERVER4, 24, timeout=0.2) == "timed out"
    verdict = daemon.log.wait_verdict(mark, DPT="24")
    assert verdict.rule == "filter/forward/3"
    assert verdict.line == line_of("{proto: tcp, dport: 24")
    assert verdict.action == "drop"


def test_a_rule_that_only_logs_goes_on_to_the_next(daemon: Daemon, world: World) -> None:
    mark = daemon.log.mark()
    with tcp_listener(world.server, SERVER4, 80):
        assert tcp_connect(world.client, SERVER4, 80) == "connected"
    verdict = daemon.log.wait_verdict(mark, rule="seen", DPT="80")
    assert verdict.prefix.endswith("seen ")


def test_a_flood_gives_a_few_lines_and_the_number_of_those_suppressed(
    daemon: Daemon, world: World
) -> None:
    mark = daemon.log.mark()
    sent = 0
    with udp_socket(world.client, SERVER4, 1000) as udp:
        for _ in range(FLOOD):
            udp.send(b"flood")
        sent = FLOOD
        # The next line that the limit lets through brings the number along.
        for _ in range(100):
            try:
                line = daemon.log.wait_line(lambda line: "suppressed" in line, mark, 0.2)
                break
            except LabError:
                udp.send(b"one more")
                sent += 1
        else:
            pytest.fail("no line told of what was suppressed")
    match = re.search(r"suppressed (\d+)", line)
    assert match is not None, line
    assert "flood" in line
    lines = daemon.log.verdicts(mark, rule="flood")
    # The bucket gives its burst at once and two a second from then on, over 20 s at most.
    assert 1 <= len(lines) <= 60
    assert int(match[1]) + len(lines) >= sent - 1

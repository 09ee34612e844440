"""TFTP, DCC and SIP through the firewall: what they announce is RELATED, and passes only so."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import pytest

from tests.lab.daemon import Daemon
from tests.lab.irc import Arrival, Chatter, irc_server
from tests.lab.real_servers import digest, in_url, run_program, tftp_daemon
from tests.lab.servers import MEGABYTE
from tests.lab.sip import call, media_port, write_call
from tests.lab.world import CLIENT4, CLIENT6, FAR4, SERVER4, SERVER6, World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

HELPERS: Final = """
raw:
  prerouting:
    - {name: tftp, proto: udp, dport: 69, action: {helper: tftp}}
    - {name: irc, proto: tcp, dport: 6667, action: {helper: irc}}
    - {name: sip, proto: [tcp, udp], dport: 5060, action: {helper: sip}}
"""
WITHOUT: Final = """
version: 1
filter:
  forward:
    policy: drop
    rules:
      - {name: answers, state: established, action: accept}
      - {name: related, state: related, log: true, action: accept}
      - {name: known, state: new, proto: [tcp, udp], dport: [69, 5060, 6667], action: accept}
      - {name: rest, log: true, action: drop}
"""
RULES: Final = WITHOUT + HELPERS
CONFIG: Final = {
    "log": {"rate": "1000/second", "burst": 1000},
    "hook": {"chains": ["forward"]},
}
ENDS: Final = {SERVER4: CLIENT4, SERVER6: CLIENT6}
BOTH: Final = pytest.mark.parametrize("server", ENDS)
TFTP: Final = pytest.mark.needs("curl", "dnsmasq")
IRC: Final = pytest.mark.needs("weechat-headless", "irc.server")
SIP: Final = pytest.mark.needs("sipp", "ss")


@pytest.fixture
def without(daemon: Daemon) -> Iterator[Daemon]:
    """The daemon without the rules that give helpers; with them again afterwards."""
    daemon.write_rules(WITHOUT)
    assert "rules reloaded" in daemon.hangup()
    yield daemon
    daemon.write_rules(RULES)
    assert "rules reloaded" in daemon.hangup()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of some megabytes."""
    path = tmp_path_factory.mktemp("files") / "file"
    path.write_bytes(random.Random(4).randbytes(4 * MEGABYTE))
    return path


def _fetch(world: World, server: str, file: Path, got: Path, timeout_s: int) -> int:
    with tftp_daemon(world.server, server, file.parent):
        curl = ["curl", "-sS", "-g", "--max-time", str(timeout_s), "--tftp-blksize", "1400"]
        url = f"tftp://{in_url(server)}/{file.name}"
        return run_program(world.client, [*curl, "-o", str(got), url])[0]


@TFTP
@BOTH
def test_a_file_comes_by_tftp_because_the_first_block_is_related(
    daemon: Daemon, world: World, file: Path, tmp_path: Path, server: str
) -> None:
    mark = daemon.log.mark()
    assert _fetch(world, server, file, tmp_path / "got", timeout_s=20) == 0
    assert digest(tmp_path / "got") == digest(file)
    first = daemon.log.wait_verdict(mark, state="RELATED", rule="related", PROTO="UDP")
    assert (first.fields["SRC"], first.fields["DST"]) == (server, ENDS[server])
    # What else is logged is an ICMP error: the server is gone when the last block is acknowledged.
    assert len(daemon.log.verdicts(mark, PROTO="UDP")) == 1


@TFTP
@BOTH
def test_without_the_helper_no_block_comes_by_tftp(
    without: Daemon, world: World, file: Path, tmp_path: Path, server: str
) -> None:
    mark = without.log.mark()
    assert _fetch(world, server, file, tmp_path / "got", timeout_s=1) != 0
    without.log.wait_verdict(mark, state="NEW", rule="rest", PROTO="UDP", SRC=server)
    assert not without.log.verdicts(mark, state="RELATED")


def _people(tmp_path: Path, file: Path) -> tuple[Chatter, Chatter]:
    bob = Chatter(tmp_path / "bob", "bob", SERVER4)
    alice = Chatter(tmp_path / "alice", "alice", SERVER4, f"/dcc chat bob;/dcc send bob {file}")
    return alice, bob


@IRC
def test_a_file_is_sent_by_dcc_because_the_connection_for_it_is_related(
    daemon: Daemon, world: World, file: Path, tmp_path: Path
) -> None:
    alice, bob = _people(tmp_path, file)
    mark = daemon.log.mark()
    with (
        irc_server(world.server, SERVER4) as server,
        Arrival(bob.received) as arrival,
        bob.online(world.far, server),
        alice.online(world.client, server),
    ):
        assert digest(arrival.wait()) == digest(file)
    related = daemon.log.verdicts(mark, state="RELATED", rule="related", PROTO="TCP")
    # One for the talk, one for the file.
    assert [verdict.fields["SRC"] for verdict in related] == [FAR4, FAR4]
    assert len(daemon.log.verdicts(mark)) == 2


@IRC
def test_without_the_helper_nothing_is_sent_by_dcc(
    without: Daemon, world: World, file: Path, tmp_path: Path
) -> None:
    alice, bob = _people(tmp_path, file)
    mark = without.log.mark()
    with (
        irc_server(world.server, SERVER4) as server,
        bob.online(world.far, server),
        alice.online(world.client, server),
    ):
        without.log.wait_verdict(mark, state="NEW", rule="rest", PROTO="TCP", SRC=FAR4)
    assert not without.log.verdicts(mark, state="RELATED")
    assert not any(path.stat().st_size for path in bob.received.iterdir())


@SIP
@BOTH
@pytest.mark.parametrize(("number", "transport"), [(0, "udp"), (1, "tcp")])
def test_the_media_of_a_call_are_related(
    daemon: Daemon, world: World, tmp_path: Path, server: str, transport: str, number: int
) -> None:
    mark = daemon.log.mark()
    script = write_call(tmp_path)
    call(world.client, ENDS[server], world.server, server, transport, script, number)
    port = str(media_port(number))
    first = daemon.log.wait_verdict(mark, state="RELATED", PROTO="UDP", DPT=port)
    assert (first.fields["SRC"], first.fields["DST"]) == (ENDS[server], server)
    assert not daemon.log.verdicts(mark, rule="rest")


@SIP
def test_without_the_helper_the_media_of_a_call_are_dropped(
    without: Daemon, world: World, tmp_path: Path
) -> None:
    mark = without.log.mark()
    call(world.client, CLIENT4, world.server, SERVER4, "udp", write_call(tmp_path), number=2)
    port = str(media_port(2))
    without.log.wait_verdict(mark, state="NEW", rule="rest", PROTO="UDP", DPT=port)
    assert not without.log.verdicts(mark, state="RELATED")

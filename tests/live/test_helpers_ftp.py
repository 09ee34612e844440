"""FTP through the firewall: its data connections pass because they are RELATED, and only so."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Final

import pytest

from tests.lab.daemon import Daemon
from tests.lab.ftp import Control
from tests.lab.real_servers import digest, ftp_daemon, in_url, run_program
from tests.lab.servers import MEGABYTE, tcp_listener
from tests.lab.traffic import tcp_connect
from tests.lab.world import CLIENT4, CLIENT6, FAR4, GATEWAY_WAN4, SERVER4, SERVER6, World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.netns import Namespace

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

HELPER: Final = "    - {name: ftp control, proto: tcp, dport: 21, action: {helper: ftp}}\n"
# Of this client only: where no packet could reach its helper any more, the rule is refused.
NO_TRACK: Final = f"""\
    - {{proto: tcp, src: {CLIENT4}, dport: 21, action: notrack}}
    - {{proto: tcp, dst: {CLIENT4}, sport: 21, action: notrack}}
"""
RULES: Final = f"""
version: 1
raw:
  prerouting:
    - {{name: nothing, proto: tcp, dport: 1, action: notrack}}
{HELPER}\
filter:
  forward:
    policy: drop
    rules:
      - {{name: answers, state: established, action: accept}}
      - {{name: related, state: related, log: true, action: accept}}
      - {{name: ftp, state: [new, untracked], proto: tcp, dport: 21, action: accept}}
      - {{name: ftp answers, state: untracked, proto: tcp, sport: 21, action: accept}}
      - {{name: rest, proto: tcp, log: true, action: {{reject: tcp-reset}}}}
"""
WITHOUT: Final = RULES.replace(HELPER, "")
CONFIG: Final = {
    "log": {"rate": "1000/second", "burst": 1000},
    "hook": {"chains": ["forward"]},
}
LINKS: Final = (("client", "eth0"), ("gateway", "lan0"), ("gateway", "wan0"), ("server", "eth0"))
FILE_OCTETS: Final = 50 * MEGABYTE
MODES: Final = {
    "PASV": (SERVER4, ["--disable-epsv"]),
    "EPSV": (SERVER4, []),
    "PORT": (SERVER4, ["--ftp-port", "-", "--disable-eprt"]),
    "EPRT": (SERVER4, ["--ftp-port", "-"]),
    "EPSV over IPv6": (SERVER6, []),
    "EPRT over IPv6": (SERVER6, ["--ftp-port", "-"]),
}
MODE: Final = pytest.mark.parametrize(("server", "words"), MODES.values(), ids=MODES)
REAL: Final = pytest.mark.needs("curl", "pyftpdlib")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a big file and a small one."""
    directory = tmp_path_factory.mktemp("ftp")
    generator = random.Random(50)
    (directory / "big").write_bytes(generator.randbytes(FILE_OCTETS))
    (directory / "small").write_bytes(generator.randbytes(1000))
    return directory


@pytest.fixture
def under(daemon: Daemon) -> Iterator[Daemon]:
    """The daemon, back under RULES afterwards."""
    yield daemon
    _use(daemon, RULES)


def _use(daemon: Daemon, rules: str) -> None:
    if daemon.rules_path.read_text() != rules:
        daemon.write_rules(rules)
        assert "rules reloaded" in daemon.hangup()


def _fetch(
    client: Namespace, server: str, words: list[str], files: Path, name: str, timeout_s: int = 20
) -> int:
    """Fetch a file with curl; its exit status, when the file came as it was or not at all."""
    got = files / "got"
    got.unlink(missing_ok=True)
    curl = ["curl", "-sS", "-g", "--max-time", str(timeout_s), *words, "-o", str(got)]
    status, said = run_program(client, [*curl, f"ftp://{in_url(server)}/{name}"])
    if status == 0:
        assert digest(got) == digest(files / name), said
    else:
        assert not got.exists() or not got.stat().st_size, said
    return status


@REAL
@MODE
def test_a_file_of_50_mb_comes_whole_because_its_connection_is_related(
    daemon: Daemon, world: World, files: Path, server: str, words: list[str]
) -> None:
    mark = daemon.log.mark()
    with ftp_daemon(world.server, server, files):
        assert _fetch(world.client, server, words, files, "big") == 0
    related = daemon.log.wait_verdict(mark, state="RELATED", rule="related", PROTO="TCP")
    assert related.fields["SRC"] == (server if words[:1] == ["--ftp-port"] else _client(server))
    assert len(daemon.log.verdicts(mark)) == 1


@REAL
@MODE
def test_without_the_helper_the_connection_is_new_and_nothing_comes(
    under: Daemon, world: World, files: Path, server: str, words: list[str]
) -> None:
    _use(under, WITHOUT)
    mark = under.log.mark()
    with ftp_daemon(world.server, server, files):
        assert _fetch(world.client, server, words, files, "small", timeout_s=2) != 0
    under.log.wait_verdict(mark, state="NEW", rule="rest", action="reject")
    assert not under.log.verdicts(mark, state="RELATED")


def _client(server: str) -> str:
    return CLIENT6 if ":" in server else CLIENT4


@REAL
def test_a_transfer_and_those_behind_it_go_on_while_the_rules_are_reloaded(
    daemon: Daemon, world: World, files: Path
) -> None:
    done = threading.Event()
    reloads: list[str] = []

    def reload() -> None:
        while not done.is_set():
            reloads.append(daemon.hangup())

    with ftp_daemon(world.server, SERVER4, files):
        reloading = threading.Thread(target=reload)
        reloading.start()
        try:
            outcomes = [
                _fetch(world.client, SERVER4, words, files, name)
                for name in ("big", "small")
                for server, words in MODES.values()
                if server == SERVER4
            ]
        finally:
            done.set()
            reloading.join()
    assert set(outcomes) == {0}
    assert len(reloads) > 1
    assert all("rules reloaded" in line for line in reloads)


def test_what_was_expected_before_a_reload_is_expected_behind_it(
    under: Daemon, world: World
) -> None:
    """And a control connection keeps its helper, even where no rule gives it any more."""
    with Control(world.client, world.server, SERVER4) as control:
        control.expect_passive(SERVER4, 5001)
        _use(under, WITHOUT)
        with tcp_listener(world.server, SERVER4, 5001):
            assert tcp_connect(world.client, SERVER4, 5001) == "connected"
        control.expect_passive(SERVER4, 5002)
        with tcp_listener(world.server, SERVER4, 5002):
            assert tcp_connect(world.client, SERVER4, 5002) == "connected"
    with Control(world.client, world.server, SERVER4) as unhelped:
        unhelped.expect_passive(SERVER4, 5003)
        with tcp_listener(world.server, SERVER4, 5003):
            assert tcp_connect(world.client, SERVER4, 5003) == "refused"


def test_a_long_answer_before_the_one_that_names_a_port_is_read_to_its_end() -> None:
    """A line begins where the last one has ended, and a packet's first octets do not tell where."""
    with World() as world:
        for host, link in LINKS:
            getattr(world, host).ip_batch([f"link set {link} mtu 9000"])
        with (
            Daemon(world.gateway, RULES, CONFIG),
            Control(world.client, world.server, SERVER4) as control,
            tcp_listener(world.server, SERVER4, 5007),
        ):
            control.server_says("\r\n".join(["230-" + "welcome " * 8] * 100))
            control.expect_passive(SERVER4, 5007)
            assert tcp_connect(world.client, SERVER4, 5007) == "connected"


OWN: Final = """
version: 1
raw:
  output:
    - {name: ftp control, proto: tcp, dport: 21, action: {helper: ftp}}
filter:
  input:
    policy: drop
    rules:
      - {name: answers, state: established, action: accept}
      - {name: related, state: related, log: true, action: accept}
  output:
    policy: drop
    rules:
      - {name: answers, state: established, action: accept}
      - {name: related, state: related, log: true, action: accept}
      - {name: ftp, state: new, proto: tcp, dport: 21, action: accept}
"""


@REAL
def test_a_transfer_of_the_gateway_itself_passes_in_both_modes(files: Path) -> None:
    config = {**CONFIG, "hook": {"chains": ["input", "output"]}}
    with (
        World() as world,
        Daemon(world.gateway, OWN, config) as own,
        ftp_daemon(world.server, SERVER4, files),
    ):
        for mode, source in (("PORT", SERVER4), ("PASV", GATEWAY_WAN4)):
            mark = own.log.mark()
            _, words = MODES[mode]
            assert _fetch(world.gateway, SERVER4, words, files, "small") == 0
            own.log.wait_verdict(mark, state="RELATED", SRC=source)


def test_an_expectation_serves_one_connection(daemon: Daemon, world: World) -> None:
    with (
        Control(world.client, world.server, SERVER4) as control,
        tcp_listener(world.server, SERVER4, 5004),
    ):
        control.expect_passive(SERVER4, 5004)
        assert tcp_connect(world.client, SERVER4, 5004) == "connected"
        assert tcp_connect(world.client, SERVER4, 5004) == "refused"


def test_a_port_command_that_names_a_third_host_opens_nothing(daemon: Daemon, world: World) -> None:
    """The client is far away, the server behind the gateway; the third host is in between."""
    with Control(world.far, world.client, CLIENT4) as control:
        control.expect_active(SERVER4, 5005)
        mark = daemon.log.mark()
        with tcp_listener(world.server, SERVER4, 5005):
            assert tcp_connect(world.client, SERVER4, 5005) == "refused"
        daemon.log.wait_verdict(mark, state="NEW", rule="rest", DST=SERVER4, DPT="5005")
        # The same command with the client's own address does open a way, to this one host.
        control.expect_active(FAR4, 5005)
        with tcp_listener(world.far, FAR4, 5005), tcp_listener(world.server, SERVER4, 5005):
            assert tcp_connect(world.client, SERVER4, 5005) == "refused"
            assert tcp_connect(world.client, FAR4, 5005) == "connected"


def test_a_control_connection_that_is_not_tracked_opens_nothing(
    under: Daemon, world: World
) -> None:
    _use(under, RULES.replace(HELPER, NO_TRACK + HELPER))
    mark = under.log.mark()
    with (
        Control(world.client, world.server, SERVER4) as control,
        tcp_listener(world.server, SERVER4, 5006),
    ):
        control.expect_passive(SERVER4, 5006)
        assert tcp_connect(world.client, SERVER4, 5006) == "refused"
    under.log.wait_verdict(mark, state="NEW", rule="rest", DPT="5006")
    assert not under.log.verdicts(mark, state="RELATED")

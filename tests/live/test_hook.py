"""The hook in the running kernel: what meets the queue, what passes by, what others keep."""

from __future__ import annotations

import re
import socket
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from firewalld_py.service.hook import (
    Backend,
    HookError,
    HookSpec,
    choose_backend,
    install_hook,
    remove_everywhere,
    show_everywhere,
)
from firewalld_py.service.hook_iptables import LAYOUTS, IptablesBackend
from firewalld_py.service.hook_nft import NftBackend, install_script
from firewalld_py.service.hook_queues import listener, read_queues
from tests.lab.netns import LabError, Namespace, run_command
from tests.lab.servers import udp_listener, udp_server
from tests.lab.traffic import udp_ask, udp_socket
from tests.lab.world import (
    GATEWAY_LAN4,
    GATEWAY_LAN6,
    GATEWAY_WAN4,
    SERVER4,
    SERVER6,
    World,
)
from tests.live.hook_judge import FORWARD, INPUT, OUTPUT, judge

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

QUEUE: Final = 17
PORT: Final = 5353
SO_MARK: Final = 36
REJECT_MARK: Final = 0x4000000
NFT_PROBE: Final = "add table t; add chain t c; add rule t c queue num 0"


def _nft_queues() -> bool:
    try:
        run_command(["unshare", "--net", "nft", "-c", NFT_PROBE])
    except LabError:
        return False
    return True


NFT_QUEUES: Final = _nft_queues()
BACKENDS: Final[dict[str, Backend]] = {
    "nft": NftBackend(),
    "iptables-nft": IptablesBackend("-nft", "nft"),
    "iptables-legacy": IptablesBackend("-legacy", "legacy"),
    "legacy-mangle": IptablesBackend("-legacy", "legacy", LAYOUTS["legacy"][1]),
    "legacy-filter": IptablesBackend("-legacy", "legacy", LAYOUTS["legacy"][2]),
}
# Where the kernel lacks nft's queue statement no packet can be led through it; what is tested then
# is that nft is refused: test_nft_is_chosen_exactly_where_the_kernel_takes_its_queue_statement.
NAMES: Final = [name for name in BACKENDS if name != "nft" or NFT_QUEUES]
IPTABLES: Final = ["iptables-nft", "iptables-legacy"]


def _needs(name: str) -> pytest.MarkDecorator:
    legacy = "legacy" in name
    return pytest.mark.needs(
        "nft" if name == "nft" else f"iptables-{'legacy' if legacy else 'nft'}"
    )


each_backend = pytest.mark.parametrize(
    "backend", [pytest.param(BACKENDS[name], id=name, marks=_needs(name)) for name in NAMES]
)
each_independent_backend = pytest.mark.parametrize(
    "backend",
    [
        pytest.param(BACKENDS[name], id=name, marks=_needs(name))
        for name in NAMES
        if name != "legacy-filter"
    ],
)
each_iptables = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.needs(name)) for name in IPTABLES]
)


@pytest.fixture
def world() -> Iterator[World]:
    """A fresh client, gateway, server; the hook goes on the gateway."""
    with World() as made:
        yield made


def _install(namespace: Namespace, backend: Backend, spec: HookSpec) -> list[str]:
    with namespace.entered():
        return backend.install(spec)


def _send(
    namespace: Namespace, address: str, payload: str, *, mark: int = 0, source_port: int = 0
) -> None:
    with udp_socket(namespace, address, PORT, source_port=source_port) as udp:
        if mark:
            udp.setsockopt(socket.SOL_SOCKET, SO_MARK, mark)
        udp.send(payload.encode())


def _in(namespace: Namespace, *command: str) -> str:
    with namespace.entered():
        return run_command(command)


@each_backend
@pytest.mark.parametrize(
    ("server", "gateway"), [(SERVER4, GATEWAY_LAN4), (SERVER6, GATEWAY_LAN6)], ids=["ipv4", "ipv6"]
)
def test_packets_of_all_three_hooks_meet_the_queue_and_pass_when_accepted(
    world: World, backend: Backend, server: str, gateway: str
) -> None:
    with (
        judge(world.gateway, "accept", QUEUE) as listening,
        udp_listener(world.server, server, PORT) as at_server,
        udp_listener(world.gateway, gateway, PORT) as at_gateway,
    ):
        _install(world.gateway, backend, HookSpec(QUEUE))
        _send(world.client, server, "forwarded")
        assert at_server.recv(99) == b"forwarded"
        _send(world.client, gateway, "for the gateway")
        assert at_gateway.recv(99) == b"for the gateway"
        _send(world.gateway, server, "from the gateway")
        assert at_server.recv(99) == b"from the gateway"
        seen = listening.packets_up_to("from the gateway")
    assert [(packet.hook, packet.payload) for packet in seen] == [
        (FORWARD, "forwarded"),
        (INPUT, "for the gateway"),
        (OUTPUT, "from the gateway"),
    ]


@each_backend
def test_what_is_dropped_in_the_queue_does_not_arrive(world: World, backend: Backend) -> None:
    with (
        judge(world.gateway, "drop", QUEUE) as listening,
        udp_listener(world.server, SERVER4, PORT) as at_server,
    ):
        _install(world.gateway, backend, HookSpec(QUEUE))
        _send(world.client, SERVER4, "dropped")
        assert listening.packets_up_to("dropped")[-1].hook == FORWARD
        with world.gateway.entered():
            assert backend.remove()
        _send(world.client, SERVER4, "after the hook was removed")
        assert at_server.recv(99) == b"after the hook was removed"


@each_backend
def test_without_bypass_nothing_passes_while_nobody_listens_with_bypass_everything(
    world: World, backend: Backend
) -> None:
    with udp_listener(world.server, SERVER4, PORT) as at_server:
        _install(world.gateway, backend, HookSpec(QUEUE))
        _send(world.client, SERVER4, "closed")
        _install(world.gateway, backend, HookSpec(QUEUE, bypass=True))
        _send(world.client, SERVER4, "open")
        assert at_server.recv(99) == b"open"


@each_backend
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_packets_on_lo_are_not_queued_unless_loopback_is_asked_for(
    world: World, backend: Backend, address: str
) -> None:
    with (
        judge(world.gateway, "accept", QUEUE) as listening,
        udp_listener(world.gateway, address, PORT) as local,
    ):
        _install(world.gateway, backend, HookSpec(QUEUE))
        _send(world.gateway, address, "past the queue")
        assert local.recv(99) == b"past the queue"
        _send(world.gateway, SERVER4, "fence")
        assert [packet.payload for packet in listening.packets_up_to("fence")] == ["fence"]
        _install(world.gateway, backend, HookSpec(QUEUE, loopback=True))
        _send(world.gateway, address, "through the queue")
        assert local.recv(99) == b"through the queue"
        _send(world.gateway, SERVER4, "second fence")
        seen = listening.packets_up_to("second fence")
    assert [packet.hook for packet in seen] == [OUTPUT, INPUT, OUTPUT]


@each_backend
def test_the_daemons_own_answers_pass_by_their_mark_in_output_only(
    world: World, backend: Backend
) -> None:
    with (
        judge(world.gateway, "drop", QUEUE) as listening,
        udp_listener(world.server, SERVER4, PORT) as at_server,
    ):
        _install(world.gateway, backend, HookSpec(QUEUE, exempt_mark=REJECT_MARK))
        _send(world.gateway, SERVER4, "other mark", mark=REJECT_MARK << 1)
        _send(world.gateway, SERVER4, "our answer", mark=REJECT_MARK | 3)
        assert at_server.recv(99) == b"our answer"
        _send(world.gateway, SERVER4, "fence")
        seen = [packet.payload for packet in listening.packets_up_to("fence")]
    assert seen == ["other mark", "fence"]


@each_backend
def test_a_chain_that_is_switched_off_is_not_hooked(world: World, backend: Backend) -> None:
    with (
        judge(world.gateway, "accept", QUEUE) as listening,
        udp_listener(world.server, SERVER4, PORT) as at_server,
        udp_listener(world.gateway, GATEWAY_LAN4, PORT) as at_gateway,
    ):
        _install(world.gateway, backend, HookSpec(QUEUE))
        _install(world.gateway, backend, HookSpec(QUEUE, chains=("input",)))
        _send(world.client, SERVER4, "past the queue")
        assert at_server.recv(99) == b"past the queue"
        _send(world.client, GATEWAY_LAN4, "through the queue")
        assert at_gateway.recv(99) == b"through the queue"
        seen = listening.packets_up_to("through the queue")
    assert [packet.payload for packet in seen] == ["through the queue"]


@each_backend
def test_several_queues_share_the_packets(world: World, backend: Backend) -> None:
    hosts = [f"10.1.0.{host}" for host in range(60, 76)]
    world.client.ip_batch([f"address add {host}/24 dev eth0" for host in hosts])
    with (
        judge(world.gateway, "accept", QUEUE, QUEUE + 1) as listening,
        udp_listener(world.server, SERVER4, PORT) as at_server,
    ):
        _install(world.gateway, backend, HookSpec(QUEUE, queue_count=2, chains=("forward",)))
        for host in hosts:
            with world.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                udp.bind((host, 0))
                udp.sendto(host.encode(), (SERVER4, PORT))
            assert at_server.recv(99) == host.encode()
        seen = listening.packets_up_to(hosts[-1])
    assert {packet.queue for packet in seen} == {QUEUE, QUEUE + 1}


@each_backend
@pytest.mark.parametrize("server", [SERVER4, SERVER6], ids=["ipv4", "ipv6"])
def test_fragments_meet_the_queue_as_the_packet_they_are_of(
    world: World, backend: Backend, server: str
) -> None:
    whole = "fragmented" * 300
    with (
        judge(world.gateway, "accept", QUEUE) as listening,
        udp_listener(world.server, server, PORT) as at_server,
    ):
        _install(world.gateway, backend, HookSpec(QUEUE, chains=("forward",), defragment=True))
        _send(world.client, server, whole)
        assert at_server.recv(9999).decode() == whole
        assert [packet.payload for packet in listening.packets_up_to(whole)] == [whole]
    with world.gateway.entered():
        assert {rule.hook for rule in backend.show()} == {"FORWARD"}
        assert backend.remove()
        assert not backend.remove()


@each_independent_backend
@each_iptables
def test_another_drop_still_drops_what_the_queue_accepts(
    world: World, backend: Backend, name: str
) -> None:
    for chain in ("FORWARD", "INPUT"):
        _in(world.gateway, name, "-A", chain, "-p", "udp", "--sport", "4000", "-j", "DROP")
    with (
        judge(world.gateway, "accept", QUEUE),
        udp_listener(world.server, SERVER4, PORT) as at_server,
        udp_listener(world.gateway, GATEWAY_LAN4, PORT) as at_gateway,
    ):
        _install(world.gateway, backend, HookSpec(QUEUE))
        _send(world.client, SERVER4, "dropped by the other", source_port=4000)
        _send(world.client, GATEWAY_LAN4, "dropped by the other", source_port=4000)
        _send(world.client, SERVER4, "not dropped")
        assert at_server.recv(99) == b"not dropped"
        _send(world.client, GATEWAY_LAN4, "not dropped")
        assert at_gateway.recv(99) == b"not dropped"


@each_backend
@each_iptables
@pytest.mark.parametrize("when", ["before", "after"])
def test_another_accept_does_not_pass_the_queue_by(
    world: World, backend: Backend, name: str, when: str
) -> None:
    def accept_all() -> None:
        for table in ("filter", "mangle", "security"):
            _in(world.gateway, name, "-t", table, "-A", "FORWARD", "-j", "ACCEPT")
            _in(world.gateway, name, "-t", table, "-A", "INPUT", "-j", "ACCEPT")

    with judge(world.gateway, "drop", QUEUE) as listening:
        if when == "before":
            accept_all()
        _install(world.gateway, backend, HookSpec(QUEUE))
        if when == "after":
            accept_all()
        _send(world.client, SERVER4, "forwarded")
        assert listening.packets_up_to("forwarded")[-1].hook == FORWARD
        _send(world.client, GATEWAY_LAN4, "for the gateway")
        assert listening.packets_up_to("for the gateway")[-1].hook == INPUT


@each_backend
def test_a_double_install_changes_nothing(world: World, backend: Backend) -> None:
    with (
        judge(world.gateway, "accept", QUEUE),
        udp_listener(world.server, SERVER4, PORT) as at_server,
    ):
        _install(world.gateway, backend, HookSpec(QUEUE, defragment=True))
        _send(world.client, SERVER4, "counted")
        assert at_server.recv(99) == b"counted"
        with world.gateway.entered():
            before = backend.show()
            backend.install(HookSpec(QUEUE, defragment=True))
            after = backend.show()
        assert [(rule.hook, rule.text) for rule in after] == [
            (rule.hook, rule.text) for rule in before
        ]
        # nft's chains are refilled, and begin to count anew.
        if isinstance(backend, IptablesBackend):
            assert _packets(backend, world, "FORWARD") == 1


def _packets(backend: Backend, world: World, hook: str) -> int:
    with world.gateway.entered():
        rules = backend.show()
    return sum(rule.packets for rule in rules if rule.hook == hook and rule.queues)


@each_backend
def test_packets_that_wait_for_a_verdict_live_through_a_changed_hook(
    world: World, backend: Backend
) -> None:
    with (
        judge(world.gateway, "hold", QUEUE) as listening,
        udp_listener(world.server, SERVER4, PORT) as at_server,
    ):
        _install(world.gateway, backend, HookSpec(QUEUE))
        _send(world.client, SERVER4, "waiting")
        listening.packets_up_to("waiting")
        _install(world.gateway, backend, HookSpec(QUEUE + 1, 2, ("input", "forward"), bypass=True))
        listening.release()
        assert at_server.recv(99) == b"waiting"


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.needs(n)) for n in IPTABLES])
def test_packets_that_wait_for_a_verdict_live_through_the_removal(world: World, name: str) -> None:
    with (
        judge(world.gateway, "hold", QUEUE) as listening,
        udp_listener(world.server, SERVER4, PORT) as at_server,
    ):
        _install(world.gateway, BACKENDS[name], HookSpec(QUEUE))
        _send(world.client, SERVER4, "waiting")
        listening.packets_up_to("waiting")
        with world.gateway.entered():
            remove_everywhere()
        listening.release()
        assert at_server.recv(99) == b"waiting"


OTHERS: Final = """\
*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -p udp -m udp --dport 9999 -j DROP
COMMIT
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A INPUT -p tcp -m tcp --dport 22 -j MARK --set-xmark 0x1/0xffffffff
-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
COMMIT
*security
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A OUTPUT -p tcp -m tcp --dport 25 -j DROP
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:MINE - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m comment --comment "about firewalld-py" -j MINE
-A FORWARD -p tcp -m tcp --dport 23 -j REJECT --reject-with tcp-reset
-A MINE -j RETURN
COMMIT
"""
OTHERS_NFT: Final = """\
table inet mine {
	chain c {
		type filter hook forward priority filter; policy accept;
		counter packets 0 bytes 0 comment "firewalld-py"
	}
}
"""


def _rules_of_others(name: str) -> str:
    """Return everything in the kernel's rules but counters and remarks with the time."""
    saved = "".join(run_command([f"{tool}-save"]) for tool in (name, name.replace("ip", "ip6", 1)))
    saved = re.sub(r"^#.*\n", "", saved, flags=re.MULTILINE)
    return re.sub(r"\[\d+:\d+\]", "", saved) + run_command(["nft", "list", "table", "inet", "mine"])


@each_backend
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.needs(n)) for n in IPTABLES])
@pytest.mark.needs("nft")
def test_rules_of_others_are_the_same_to_the_byte_once_the_hook_is_gone(
    world: World, backend: Backend, name: str
) -> None:
    with world.gateway.entered():
        run_command(["nft", "-f", "-"], OTHERS_NFT)
        run_command([f"{name}-restore"], OTHERS)
        run_command([f"{name.replace('ip', 'ip6', 1)}-restore"], OTHERS)
        before = _rules_of_others(name)
        backend.install(HookSpec(QUEUE))
        backend.install(HookSpec(QUEUE + 1, 2, ("forward",), bypass=True))
        backend.install(HookSpec(QUEUE, loopback=True))
        assert backend.installed()
        during = _rules_of_others(name)
        assert backend.remove()
        assert _rules_of_others(name) == before
    ours = [line for line in during.splitlines() if "FIREWALLD-PY" in line]
    assert [line for line in during.splitlines() if line not in ours] == before.splitlines()


@pytest.mark.needs("iptables-nft")
def test_rules_that_accepted_packets_no_longer_meet_are_pointed_out(world: World) -> None:
    with world.gateway.entered():
        run_command(["iptables-nft-restore"], OTHERS)
        notes = BACKENDS["iptables-nft"].install(HookSpec(QUEUE))
    assert [note.partition(":")[0] for note in notes] == [
        "iptables, table security",
        "iptables, table mangle",
    ]
    assert "--dport 25 -j DROP" in notes[0]


@each_backend
def test_removing_twice_is_no_error_and_leaves_nothing(world: World, backend: Backend) -> None:
    with world.gateway.entered():
        assert not backend.remove()
        backend.install(HookSpec(QUEUE))
        assert backend.installed()
        assert len(remove_everywhere()) == 1
        assert remove_everywhere() == []
        assert not backend.installed()
        assert show_everywhere() == []
        backend.install(HookSpec(QUEUE))
        assert backend.installed()


@pytest.mark.needs("iptables-nft", "iptables-legacy")
def test_looking_for_a_hook_does_not_set_up_legacy_tables(world: World) -> None:
    with world.gateway.entered():
        remove_everywhere()
        show_everywhere()
        assert _in(world.gateway, "cat", "/proc/self/net/ip_tables_names") == ""
        assert run_command(["nft", "list", "ruleset"]) == ""


@each_iptables
def test_a_hook_left_in_another_back_end_goes_when_the_new_one_stands(
    world: World, name: str
) -> None:
    with world.gateway.entered():
        chosen = choose_backend("auto")
        for backend in BACKENDS.values():
            if backend.name == name:
                backend.install(HookSpec(QUEUE))
        backend, notes = install_hook("auto", HookSpec(QUEUE))
        assert backend.name == chosen.name
        assert {rule.backend for rule in show_everywhere()} == {chosen.name}
        moved = [f"an older hook in {name} was removed"] if name != chosen.name else []
        assert notes == moved


@pytest.mark.needs("iptables-legacy")
def test_a_hook_in_other_tables_moves_to_the_better_ones(world: World) -> None:
    with world.gateway.entered():
        BACKENDS["legacy-filter"].install(HookSpec(QUEUE))
        BACKENDS["iptables-legacy"].install(HookSpec(QUEUE))
        assert {rule.table for rule in show_everywhere()} == {"security"}
        assert "FIREWALLD-PY" not in run_command(["iptables-legacy-save", "-t", "filter"])


def test_nft_is_chosen_exactly_where_the_kernel_takes_its_queue_statement(world: World) -> None:
    with world.gateway.entered():
        chosen = choose_backend("auto")
        if NFT_QUEUES:
            assert chosen.name == "nft"
            return
        assert chosen.name.startswith("iptables-")
        with pytest.raises(HookError, match="nft, table inet firewalld_py: nft") as refusal:
            choose_backend("nft")
    assert "modprobe" in str(refusal.value)


@pytest.mark.needs("nft")
def test_the_rest_of_the_nft_script_is_taken_by_the_kernel_twice_and_removed(world: World) -> None:
    """The queue statement is put in as `drop`, which every kernel takes."""
    backend = NftBackend()
    script = re.sub(r"queue num \S+( bypass)?", "drop", install_script(HookSpec(QUEUE)))
    with world.gateway.entered():
        run_command(["nft", "-f", "-"], script)
        first = run_command(["nft", "-s", "list", "table", "inet", "firewalld_py"])
        run_command(["nft", "-f", "-"], script)
        assert run_command(["nft", "-s", "list", "table", "inet", "firewalld_py"]) == first
        assert [rule.hook for rule in backend.show()] == ["FORWARD", "INPUT", "OUTPUT", "OUTPUT"]
        assert backend.remove()
        assert not backend.remove()
        assert run_command(["nft", "list", "ruleset"]) == ""


@pytest.mark.needs(*IPTABLES)
@pytest.mark.parametrize("name", [name for name in NAMES if name in ("nft", *IPTABLES)])
def test_behind_the_kernels_nat_both_directions_show_one_pair_of_addresses(
    world: World, name: str
) -> None:
    redirect = ["-A", "OUTPUT", "-d", "192.0.2.7", "-j", "DNAT", "--to-destination", SERVER4]
    _in(world.gateway, name if name in IPTABLES else "iptables-nft", "-t", "nat", *redirect)
    with (
        judge(world.gateway, "accept", QUEUE) as listening,
        udp_server(world.server, SERVER4, PORT, lambda question: b"answer to " + question),
    ):
        _install(world.gateway, BACKENDS[name], HookSpec(QUEUE))
        assert udp_ask(world.gateway, "192.0.2.7", PORT, b"it") == b"answer to it"
        seen = listening.packets_up_to("answer to it")
    assert [(packet.hook, packet.source, packet.destination) for packet in seen] == [
        (OUTPUT, GATEWAY_WAN4, SERVER4),
        (INPUT, SERVER4, GATEWAY_WAN4),
    ]


@each_iptables
def test_a_jump_that_somebody_flushed_is_shown_and_put_back(world: World, name: str) -> None:
    backend = BACKENDS[name]
    table = LAYOUTS[name.removeprefix("iptables-")][0]["input"]
    with world.gateway.entered():
        backend.install(HookSpec(QUEUE))
        run_command([name, "-t", table, "-F", "INPUT"])
        lost = [(rule.family, rule.hook) for rule in backend.show() if not rule.reached]
        assert lost == [("ipv4", "INPUT")]
        backend.install(HookSpec(QUEUE))
        assert all(rule.reached for rule in backend.show())


@pytest.mark.needs("iptables-legacy")
def test_a_table_that_the_kernel_lacks_is_refused_in_the_kernels_words(world: World) -> None:
    nowhere = dict.fromkeys(("forward", "input", "output"), "nowhere")
    backend = IptablesBackend("-legacy", "legacy", nowhere)
    with world.gateway.entered(), pytest.raises(HookError, match="unable to initialize table"):
        backend.probe(HookSpec(QUEUE))


@each_backend
def test_a_probe_leaves_nothing_of_ours_behind(world: World, backend: Backend) -> None:
    with world.gateway.entered():
        backend.probe(HookSpec(QUEUE))
        assert not backend.installed()
        everything = run_command(["nft", "list", "ruleset"]) + run_command(["iptables-legacy-save"])
    assert "firewalld" not in everything.lower()


def test_the_listener_of_a_queue_is_named(world: World) -> None:
    with judge(world.gateway, "accept", QUEUE) as listening, world.gateway.entered():
        bound = {queue.number: queue for queue in read_queues()}
        assert listener(bound[QUEUE].port_id) == f"{_comm(listening.pid)}[{listening.pid}]"
        assert bound[QUEUE].waiting == 0


def _comm(pid: int) -> str:
    return subprocess.run(
        ["cat", f"/proc/{pid}/comm"], capture_output=True, text=True, check=True
    ).stdout.strip()

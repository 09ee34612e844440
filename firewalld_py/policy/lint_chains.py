"""Findings about the rule set as a whole: policies, the way in for the administrator, names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Final

from firewalld_py.packet.protocols import IPPROTO_TCP, TCP_ACK, TCP_SYN
from firewalld_py.packet.reasons import POLICY
from firewalld_py.policy.findings import Finding
from firewalld_py.policy.lint_cover import Covers
from firewalld_py.policy.lint_world import Seen, World
from firewalld_py.policy.model import Chain
from firewalld_py.policy.region import DPORT, DST, EVERYWHERE, IN, PROTO, SRC, STATE, V6, Region
from firewalld_py.policy.witness import NEW, Candidate, Sent, answer_of
from firewalld_py.policy.witness_words import words_of

SSH: Final = 22
MAX_WAYS: Final = 512  # ways in that are tried
_OPEN: Final = ("input", "forward")


@dataclass(frozen=True, slots=True)
class SshConnection:
    """The connection that a command is given by: its peer, and the address and port here."""

    peer: bytes
    address: bytes
    port: int


def ssh_connection(text: str) -> SshConnection | None:
    """What sshd says in SSH_CONNECTION: peer, its port, address and port here."""
    words = text.split()
    if len(words) != 4 or not (words[3].isascii() and words[3].isdigit()):
        return None
    try:
        peer, address = (ip_address(word.partition("%")[0]) for word in (words[0], words[2]))
    except ValueError:
        return None
    port = int(words[3])
    if peer.version != address.version or not 0 < port < 65536:
        return None
    return SshConnection(peer.packed, address.packed, port)


def chain_findings(world: World) -> Iterator[Finding]:
    """policy-accept."""
    for name in _OPEN:
        chain = world.places.chains.get(f"filter/{name}")
        if world.is_judged(name) and (chain is None or chain.policy == "accept"):
            seen = _falls_through(world, name, chain)
            if seen is not None:
                yield _policy_accept(world, name, chain, seen)


def _falls_through(world: World, name: str, chain: Chain | None) -> Seen | None:
    """A NEW packet, else any, that the policy of a chain accepts."""
    regions: list[Region] = [EVERYWHERE.with_field(STATE, ((NEW, NEW),)), EVERYWHERE]
    if chain is not None:
        entry = world.places.entries[f"filter/{name}"][0]
        covers = Covers(world)
        before = covers.before(f"filter/{name}", len(chain.rules), entry, EVERYWHERE)
        regions += covers.left_of(EVERYWHERE, before)[0][:16]
    for region in regions:
        for seen in world.try_all(region, name):
            if seen.decision.reason == POLICY and seen.verdict == "accept":
                return seen
    return None


def _policy_accept(world: World, name: str, chain: Chain | None, seen: Seen) -> Finding:
    place = f"filter/{name}"
    what = f"the policy of {place} is accept"
    if chain is None:
        what = f"there is no chain {place}, so that"
    message = (
        f"{what}{':' if chain else ''} whatever no rule decides passes; "
        f"write policy: drop, and accept what is wanted"
    )
    file, line, column = world.policy.file, 1, 1
    if chain is not None:
        file, line, column = chain.file, chain.line, chain.column
    return Finding("policy-accept", place, file, line, column, "", message, seen.lines)


def unused_findings(world: World) -> Iterator[Finding]:
    """unused-chain and unused-define."""
    for place, chain in world.places.chains.items():
        if chain.user and not world.places.entries[place]:
            message = f"no packet comes to {place}: no rule leads there; remove it"
            yield Finding("unused-chain", place, chain.file, chain.line, chain.column, "", message)
    for define in world.policy.defines:
        if not define.used:
            message = f"no rule uses ${define.name}: remove it"
            yield Finding(
                "unused-define", define.name, define.file, define.line, define.column, "", message,
            )  # fmt: skip


def lock_out_findings(world: World, ssh: SshConnection | None) -> Iterator[Finding]:
    """lock-out: nobody comes in by ssh; or not the one who asks."""
    chain = world.places.chains.get("filter/input")
    if chain is None or not world.is_judged("input"):
        return
    port = SSH if ssh is None else ssh.port
    to_ssh = EVERYWHERE.with_field(PROTO, ((IPPROTO_TCP, IPPROTO_TCP),))
    to_ssh = to_ssh.with_field(DPORT, ((port, port),)).with_field(STATE, ((NEW, NEW),))
    shown, is_sure = _nobody(world, to_ssh)
    if shown is not None and is_sure:
        yield _lock_out(world, chain, shown, f"no ssh connection (tcp port {port}) can")
    elif shown is None and ssh is not None:
        of_peer = to_ssh.with_field(SRC, _one(ssh.peer)).with_field(DST, _one(ssh.address))
        shown, is_sure = _nobody(world, of_peer)
        if shown is not None and is_sure:
            yield _lock_out(world, chain, shown, "the ssh connection by which you are here cannot")


def _one(address: bytes) -> tuple[tuple[int, int], ...]:
    number = int.from_bytes(address, "big") + (V6 if len(address) == 16 else 0)
    return ((number, number),)


def _lock_out(world: World, chain: Chain, seen: Seen, what: str) -> Finding:
    last = seen.candidate.last
    by = world.decider(seen.decision)
    place = f"filter/{last.chain}" if by is None else world.at[id(by)][0]
    who = f"the policy of {place}" if by is None else f"{world.where(by)} of {place}"
    which = _WHICH[len(seen.candidate.steps)]
    message = (
        f"{what} be opened and held: {who} {seen.verdict}s {which}; "
        "keep a way in before this is put in force"
    )
    return Finding(
        "lock-out", f"filter/{chain.name}", chain.file, chain.line, chain.column, "", message,
        seen.lines,
    )  # fmt: skip


_WHICH: Final = {1: "its first packet", 2: "the answer to it", 3: "the packets behind it"}


def _nobody(world: World, to_ssh: Region) -> tuple[Seen | None, bool]:
    """The way in that comes farthest, None if one comes in; and whether surely none does.

    A way in begins with what a rule of input accepts, or its policy.
    """
    farthest: Seen | None = None
    is_sure = True
    tried = 0
    for region, asks_more in _ways(world, to_ssh):
        for number in range(len(world.places.interfaces.names)):
            tried += 1
            words = words_of(region, "input", world.places.interfaces, {IN: (number,)})
            if words is None:
                is_sure = is_sure and not asks_more
                continue
            if tried > MAX_WAYS or not world.in_time():
                return farthest, False
            seen = _goes_in(world, Sent(replace(words, flags=TCP_SYN), "input"))
            if seen is None:
                return None, True
            if farthest is None or len(seen.candidate.steps) > len(farthest.candidate.steps):
                farthest = seen
        is_sure = is_sure and not asks_more
    return farthest, is_sure


def _ways(world: World, to_ssh: Region) -> Iterator[tuple[Region, bool]]:
    """What may be accepted of ssh; and whether that depends on more than fields of a packet."""
    for place, chain, _number, rule in world.places.rules():
        if chain.table != "filter" or rule.action.verdict != "accept":
            continue
        for entry in world.places.entries[place]:
            if entry.base == "input":
                region = entry.region.also(world.places.region(rule)).also(to_ssh)
                if not region.empty(world.steady):
                    yield region, bool(region.others)
        if place in world.places.crowded:
            yield to_ssh, True
    yield to_ssh, False


def _goes_in(world: World, syn: Sent) -> Seen | None:
    """None if the connection is opened and held; else what was dropped first of it."""
    answer = answer_of(syn)
    assert answer is not None
    later = Sent(replace(syn.words, flags=TCP_ACK), "input")
    steps = (syn, answer, later)
    candidate = Candidate(steps, "established")
    for number, decision in enumerate(world.bench.run_all(candidate), 1):
        sent = steps[number - 1]
        if decision.verdict_name() != "accept" and world.is_judged(sent.chain):
            return Seen(Candidate(steps[:number], ""), decision, world.timed)
    return None

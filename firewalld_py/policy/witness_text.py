"""Candidates as one can paste them: the words of `explain`, or the steps of a rule test."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from firewalld_py.packet.protocols import IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP
from firewalld_py.policy.addresses import address_text
from firewalld_py.policy.checks import PROTOCOL_NAMES
from firewalld_py.policy.condition_text import flags_text
from firewalld_py.policy.names import PORT_PROTOCOLS
from firewalld_py.policy.packet_keys import DEFAULT_SPORT, DEFAULT_TTL
from firewalld_py.policy.packet_words import PacketWords, guessed_chain
from firewalld_py.policy.trial import WALL_START
from firewalld_py.policy.witness import Candidate, Sent

_TYPES: Final = {IPPROTO_ICMP: "icmp", IPPROTO_ICMPV6: "icmpv6"}


def witness_lines(candidate: Candidate, *, timed: bool = False) -> tuple[str, ...]:
    """The command that explains a single packet; of an exchange, a line for each packet.

    `timed`: the time at which they come matters.
    """
    if timed:
        candidate = replace(candidate, steps=tuple(_timed(sent) for sent in candidate.steps))
    if len(candidate.steps) == 1:
        return (f"firewalld-py explain {_command(candidate.last)}",)
    opened = "a connection that stands: " if candidate.opened else ""
    lines = [f"{opened}first {_command(candidate.steps[0])}"]
    for sent in candidate.steps[1:]:
        what = "an ICMP error about it: " if sent.is_error else ""
        lines.append(f"then  {what}{_command(sent)}")
    return tuple(lines)


def _timed(sent: Sent) -> Sent:
    known = int(WALL_START) if sent.words.time is None else sent.words.time
    return replace(sent, words=replace(sent.words, time=known))


def _command(sent: Sent) -> str:
    chain = "" if guessed_chain(sent.words) == sent.chain else f"--chain {sent.chain} "
    return chain + words_text(sent.words)


def words_text(words: PacketWords) -> str:
    """A packet as `in=lan0 src=… dst=… proto=tcp dport=22 flags=syn`."""
    return " ".join(f"{key}={value}" for key, value in pairs_of(words).items())


def pairs_of(words: PacketWords) -> dict[str, str]:
    """What is to be said of a packet: its keys and their values."""
    said: dict[str, str] = {"in": words.in_interface, "out": words.out_interface}
    family = words.version
    said["src"] = address_text(family, int.from_bytes(words.src, "big"))
    said["dst"] = address_text(family, int.from_bytes(words.dst, "big"))
    said["proto"] = PROTOCOL_NAMES.get(words.protocol, str(words.protocol))
    if words.protocol in PORT_PROTOCOLS:
        said["sport"] = "" if words.sport == DEFAULT_SPORT else str(words.sport)
        said["dport"] = str(words.dport)
    if words.protocol == IPPROTO_TCP:
        said["flags"] = flags_text(words.flags)
    if words.protocol in _TYPES:
        code = f"/{words.icmp_code}" if words.icmp_code else ""
        said[_TYPES[words.protocol]] = f"{words.icmp_type}{code}"
    more = {"length": words.length, "dscp": words.dscp, "mss": words.mss}
    said |= {key: str(value) if value else "" for key, value in more.items()}
    said["payload"] = f"0x{words.payload.hex()}" if words.payload else ""
    said["ttl"] = "" if words.ttl == DEFAULT_TTL else str(words.ttl)
    said["mark"] = hex(words.mark) if words.mark else ""
    if words.time is not None:
        said["time"] = f"{datetime.fromtimestamp(words.time, UTC):%Y-%m-%dT%H:%M:%S}"
    said["source_mac"] = words.source_mac.hex(":")
    return {key: value for key, value in said.items() if value}

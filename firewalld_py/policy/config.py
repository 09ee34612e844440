"""The daemon's configuration: its values with their defaults, and how they are read from YAML."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from typing import Any, Final

from firewalld_py.conntrack.helpers.parameters import PARAMETER_DEFAULTS
from firewalld_py.conntrack.timeouts import TIMEOUT_DEFAULTS
from firewalld_py.policy.errors import Fault, PolicyErrors, Problem, Problems, TooManyProblems
from firewalld_py.policy.keys import Key, Parser, Reading, Table, each, mapping, one
from firewalld_py.policy.nodes import Mapping as MappingNode
from firewalld_py.policy.nodes import Node, is_null, read_tree
from firewalld_py.policy.packet_values import MARK, mark
from firewalld_py.policy.shapes import Choice, Keys, Number, OneOrMore, Text, reads, shape_of
from firewalld_py.policy.timeouts import TIMEOUTS, YEAR_S
from firewalld_py.policy.values import (
    DURATION,
    RATE,
    duration,
    plain_text,
    rate,
    truth,
    whole_number,
    word,
)

DEFAULT_CONFIG: Final = "/etc/firewalld-py/firewalld-py.yaml"
DEFAULT_RULES: Final = "/etc/firewalld-py/rules.yaml"
HOOK_CHAINS: Final = ("forward", "input", "output")


@dataclass(frozen=True, slots=True)
class QueueConfig:
    """The kernel queue. `copy_range` and `receive_buffer` are octets."""

    number: int = 0
    length: int = 8192
    copy_range: int = 2048
    batch: int = 64
    gso: bool = True
    receive_buffer: int = 16777216


@dataclass(frozen=True, slots=True)
class HookConfig:
    """How the packets come into the queue."""

    backend: str = "auto"
    chains: tuple[str, ...] = HOOK_CHAINS
    loopback: bool = False
    reject_mark: int = 0x4000000


@dataclass(frozen=True, slots=True)
class ConntrackConfig:
    """Connection tracking; `timeouts` holds every name of TIMEOUT_DEFAULTS, in seconds."""

    max: int = 262144
    tcp_loose: bool = True
    tcp_be_liberal: bool = False
    tcp_max_retrans: int = 3
    tcp_ignore_invalid_rst: bool = False
    checksum: bool = False
    expect_max: int = 4096
    helpers: Mapping[str, int] = field(default_factory=lambda: dict(PARAMETER_DEFAULTS))
    timeouts: Mapping[str, int] = field(default_factory=lambda: dict(TIMEOUT_DEFAULTS))

    def numbers(self) -> dict[str, int]:
        """All of it by name, as conntrack.tracker.make_settings() takes it; switches are 0 or 1."""
        own = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        del own["timeouts"], own["helpers"]
        return {
            name: int(value) for name, value in {**own, **self.timeouts, **self.helpers}.items()
        }


@dataclass(frozen=True, slots=True)
class LogConfig:
    """Where log lines go, and how many a rule may write (`rate` per second)."""

    target: str = "auto"
    rate: float = 10.0
    burst: int = 20


@dataclass(frozen=True, slots=True)
class RejectConfig:
    """How many answers a rejecting rule may send (`rate` per second)."""

    rate: float = 50.0
    burst: int = 100


@dataclass(frozen=True, slots=True)
class ControlConfig:
    """The socket on which the daemon takes orders."""

    socket: str = "/run/firewalld-py/control.sock"


@dataclass(frozen=True, slots=True)
class SetsConfig:
    """Where elements of sets with `persist: true` outlive the daemon."""

    directory: str = "/var/lib/firewalld-py"


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration; `fail` is "closed" or "open"."""

    rules: str = DEFAULT_RULES
    fail: str = "closed"
    queue: QueueConfig = field(default_factory=QueueConfig)
    hook: HookConfig = field(default_factory=HookConfig)
    conntrack: ConntrackConfig = field(default_factory=ConntrackConfig)
    log: LogConfig = field(default_factory=LogConfig)
    reject: RejectConfig = field(default_factory=RejectConfig)
    control: ControlConfig = field(default_factory=ControlConfig)
    sets: SetsConfig = field(default_factory=SetsConfig)


def load_config(path: str | os.PathLike[str]) -> Config:
    """Read the configuration at `path`. Raises PolicyErrors with all problems of the file."""
    config, problems = read_config(path)
    if problems:
        raise PolicyErrors(problems)
    return config


def read_config(path: str | os.PathLike[str]) -> tuple[Config, list[Problem]]:
    """The configuration at `path`, with defaults where it is wrong, and all its problems."""
    name = os.fspath(path)
    problems = Problems(name)
    values: dict[str, object] = {}
    with suppress(TooManyProblems):
        tree = read_tree(name, problems)
        if tree is not None and not is_null(tree):
            values = _values(tree, problems)
    rules = values.get("rules", DEFAULT_RULES)
    assert isinstance(rules, str)
    values["rules"] = os.path.join(os.path.dirname(name), rules)  # noqa: PTH118, PTH120
    return _made(Config, values), problems.ordered()


def _values(tree: Node, problems: Problems) -> dict[str, object]:
    try:
        values = CONFIG.read(tree, Reading(problems))
    except Fault as fault:
        problems.add(tree.line, tree.column, fault.message)
        return {}
    _check_checksum(values, tree, problems)
    return values


def _check_checksum(values: Mapping[str, object], tree: Node, problems: Problems) -> None:
    """With GSO the kernel hands over packets whose checksum the hardware is still to fill in."""
    conntrack, queue = values.get("conntrack"), values.get("queue", QueueConfig())
    if not (isinstance(conntrack, ConntrackConfig) and isinstance(queue, QueueConfig)):
        return
    if conntrack.checksum and queue.gso and isinstance(tree, MappingNode):
        key, _ = tree.entries["conntrack"]
        problems.add(key.line, key.column, "checksum: on needs gso: off in section queue")


def _made(cls: type[Any], values: Mapping[str, object]) -> Any:
    return cls(**values)


def _section(name: str, cls: type[Any], doc: str, *rows: tuple[str, Parser, str, str]) -> Key:
    """The key of a section: a mapping whose keys are the fields of the dataclass `cls`."""
    defaults = cls()
    table = Table(
        f"section {name}",
        tuple(
            Key(field_name, parse, form, text, getattr(defaults, field_name))
            for field_name, parse, form, text in rows
        ),
    )
    read = mapping(table)

    def parse_section(node: Node, reading: Reading) -> object:
        values = read(node, reading)
        assert isinstance(values, dict)
        return _made(cls, values)

    return Key(name, parse_section, "a mapping", doc, defaults, table=table)


@reads(OneOrMore(Choice(HOOK_CHAINS)))
def _hook_chains(node: Node, reading: Reading) -> tuple[str, ...]:
    chains = each(node, reading, word(HOOK_CHAINS), "at least one of forward, input, output")
    if len(set(chains)) < len(chains):
        raise Fault("a chain stands here twice")
    return tuple(chains)


@reads(Keys(TIMEOUTS))
def _timeouts(node: Node, reading: Reading) -> dict[str, int]:
    return {**TIMEOUT_DEFAULTS, **TIMEOUTS.read(node, reading)}  # type: ignore[dict-item]


@reads(Number(1, 0xFFFFFFFF), Text("^0[xX][0-9a-fA-F]{1,12}$"))
def _reject_mark(text: str) -> int:
    value, mask = mark(text)
    if mask != 0xFFFFFFFF or not value:
        raise Fault(f"expected a mark without mask, not 0, found {text!r}")
    return value


@reads(shape_of(plain_text(4096)))
def _path(text: str) -> str:
    return plain_text(4096)(text)


_BOOL: Final = one(truth, "true or false")
_TRUTH: Final = "true or false"


def _number(low: int, high: int) -> tuple[Parser, str]:
    words = f"a number from {low} to {high}"
    return one(whole_number(low, high), words), words


def _seconds() -> tuple[Parser, str]:
    return one(duration(1, YEAR_S), DURATION), DURATION


def _one_of(*words: str) -> tuple[Parser, str]:
    form = f"one of {', '.join(words)}"
    return one(word(words), form), form


# In the order of PARAMETER_DEFAULTS; names, as there, are those of the kernel's modules.
_HELPERS: Final = Table(
    "section helpers",
    tuple(
        Key(name, parse, form, doc, PARAMETER_DEFAULTS[name])
        for name, parse, form, doc in (
            ("ftp_loose", _BOOL, _TRUTH, "FTP commands may name a third host"),
            ("irc_max_dcc_channels", *_number(1, 255), "DCC offers of a client at once"),
            ("irc_dcc_timeout", *_seconds(), "how long a DCC offer stands"),
            ("sip_timeout", *_seconds(), "how long an idle SIP connection lives"),
            ("sip_direct_signalling", _BOOL, _TRUTH, "SIP calls come from the registrar only"),
            ("sip_direct_media", _BOOL, _TRUTH, "media flow between the ends of signalling only"),
            ("sip_external_media", _BOOL, _TRUTH, "no effect: it asks for the kernel's routes"),
            ("amanda_master_timeout", *_seconds(), "how long an idle Amanda connection lives"),
            ("h323_default_rrq_ttl", *_seconds(), "how long an H.323 registration stands"),
            ("h323_gkrouted_only", _BOOL, _TRUTH, "H.323 calls come from the gatekeeper only"),
            ("h323_callforward_filter", _BOOL, _TRUTH, "no forwarding of calls on one side"),
            ("h323_third_parties", _BOOL, _TRUTH, "H.323 calls may lead to a third host"),
            ("netbios_ns_timeout", *_seconds(), "how long answers to a NetBIOS broadcast may come"),
            ("snmp_timeout", *_seconds(), "how long answers to an SNMP broadcast may come"),
        )
    ),
)


@reads(Keys(_HELPERS))
def _helpers(node: Node, reading: Reading) -> dict[str, int]:
    return {**PARAMETER_DEFAULTS, **_HELPERS.read(node, reading)}  # type: ignore[dict-item]


CONFIG: Final = Table(
    "the configuration",
    (
        Key(
            "rules",
            one(_path, "a path"),
            "a path",
            "the rule file; a relative path starts at the directory of this file",
            DEFAULT_RULES,
        ),
        Key(
            "fail",
            *_one_of("closed", "open"),
            "what happens to packets that cannot be judged: drop (closed) or pass (open)",
            "closed",
        ),
        _section(
            "queue",
            QueueConfig,
            "the kernel queue that the packets come from",
            ("number", *_number(0, 65535), "NFQUEUE number"),
            ("length", *_number(1, 1 << 20), "packets that may wait in the kernel"),
            (
                "copy_range",
                *_number(256, 65535),
                "octets of each packet that are looked at; all, once a rule assigns a helper",
            ),
            ("batch", *_number(1, 255), "packets judged by one verdict message"),
            ("gso", _BOOL, _TRUTH, "take 64 kB super-packets whole; off to check checksums"),
            ("receive_buffer", *_number(65536, 1 << 30), "octets of the queue's socket buffer"),
        ),
        _section(
            "hook",
            HookConfig,
            "the kernel rules that send packets into the queue",
            ("backend", *_one_of("auto", "nft", "iptables"), "auto takes what the kernel accepts"),
            (
                "chains",
                _hook_chains,
                "a list of forward, input, output",
                "which packets go into the queue",
            ),
            ("loopback", _BOOL, _TRUTH, "judge packets on lo too (each passes twice)"),
            (
                "reject_mark",
                one(_reject_mark, MARK),
                "a mark that is not 0",
                "packet mark of our own resets and ICMP errors, which are not judged again",
            ),
        ),
        _section(
            "conntrack",
            ConntrackConfig,
            "connection tracking; names as the kernel's nf_conntrack sysctls",
            ("max", *_number(1, 100_000_000), "connections in the table at most"),
            ("tcp_loose", _BOOL, _TRUTH, "pick up connections whose beginning was not seen"),
            ("tcp_be_liberal", _BOOL, _TRUTH, "only resets out of window are INVALID"),
            (
                "tcp_max_retrans",
                *_number(0, 255),
                "retransmissions without answer before the short timeout",
            ),
            ("tcp_ignore_invalid_rst", _BOOL, _TRUTH, "an out of window reset changes nothing"),
            (
                "checksum",
                _BOOL,
                _TRUTH,
                "packets with a wrong checksum are INVALID; needs gso: off",
            ),
            (
                "expect_max",
                *_number(1, 1_000_000),
                "connections that helpers expect, at most",
            ),
            ("helpers", _helpers, "a mapping", "what the helpers allow and how long they wait"),
            ("timeouts", _timeouts, "a mapping", "how long idle connections live"),
        ),
        _section(
            "log",
            LogConfig,
            "the log of packets",
            ("target", *_one_of("auto", "journal", "stderr"), "auto: journal under systemd"),
            ("rate", one(rate, RATE), RATE, "log lines per rule that has no limit of its own"),
            ("burst", *_number(1, 1_000_000), "log lines at once before the rate counts"),
        ),
        _section(
            "reject",
            RejectConfig,
            "answers to rejected packets",
            ("rate", one(rate, RATE), RATE, "answers per rejecting rule"),
            ("burst", *_number(1, 1_000_000), "answers at once before the rate counts"),
        ),
        _section(
            "control",
            ControlConfig,
            "the control socket",
            (
                "socket",
                one(_path, "a path"),
                "a path",
                "where firewalld-py reload and status find us",
            ),
        ),
        _section(
            "sets",
            SetsConfig,
            "elements that are added at run time, by rules and by firewalld-py ban",
            (
                "directory",
                one(_path, "a path"),
                "a path",
                "where the elements of sets with persist: true outlive the daemon",
            ),
        ),
    ),
)

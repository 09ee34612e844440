"""What a rule may do: `action:` and `log:`."""

from __future__ import annotations

from typing import Final, cast

from firewalld_py.conntrack.helpers.control_ports import OF_MODULE
from firewalld_py.conntrack.helpers.registry import READABLE
from firewalld_py.policy import packet_values, values
from firewalld_py.policy.chains import read_target
from firewalld_py.policy.errors import Fault, nearest, quoted
from firewalld_py.policy.keys import Key, Reading, Reported, Table, each, items_of, one, text_of
from firewalld_py.policy.mark_actions import CONNMARK_FORM, MARK_FORM, read_connmark, read_mark
from firewalld_py.policy.model import Action, Log, Target, TargetValue, Verdict
from firewalld_py.policy.names import DEFAULT_REJECT, HELPER_NAME, LEVELS, REJECTS
from firewalld_py.policy.nodes import Mapping, Node, Scalar, found, is_null
from firewalld_py.policy.recent import NAME, RECENT_ACTIONS, plain_name
from firewalld_py.policy.set_targets import ADD_FORM, REMOVE_FORM, TARGET_KEYS
from firewalld_py.policy.shapes import AnyOf, Choice, Keys, OneOrMore, Text, Truth, reads, shape_of
from firewalld_py.policy.targets import KINDS, may_follow
from firewalld_py.policy.timeouts import TIMEOUTS

MAX_PREFIX: Final = 64  # characters, as the kernel's NFLOG
MAX_BURST: Final = 1_000_000

VERDICTS: Final = ("accept", "drop", "reject", "notrack", "return", "continue")
TO_CHAIN: Final = ("jump", "goto")
WORDS: Final = (*VERDICTS, "log")
_ENDS: Final = (
    "accept, drop, reject, {reject: KIND}, notrack, return, continue, {jump: CHAIN}, {goto: CHAIN}"
)
EXPECTED: Final = (
    f"{_ENDS}, or log, {{mark: VALUE/MASK}} and others that `firewalld-py help action` names"
)
FORM: Final = (
    f"one or a list of: log, {{mark: VALUE/MASK}}, {{connmark: VALUE/MASK}}, {{label: NUMBER}}, "
    "{count: NAME}, {recent_set: LIST}, {recent_remove: LIST}, {helper: NAME}, {zone: NUMBER}, "
    f"{{timeout: {{NAME: DURATION}}}}, {ADD_FORM}, {REMOVE_FORM}; and at its end: {_ENDS}"
)
_LEVEL: Final = f"a syslog level ({', '.join(LEVELS)}, or 0-7)"
# Words of other tools for what is meant here.
_ALSO: Final = {
    "allow": "accept",
    "pass": "accept",
    "deny": "drop",
    "block": "drop",
    "discard": "drop",
    "tcp-reset": "{reject: tcp-reset}",
    "ct": "notrack",
    "jump": "{jump: CHAIN}",
    "goto": "{goto: CHAIN}",
}

LOG: Final = Table(
    "log",
    (
        Key(
            "prefix",
            one(values.plain_text(MAX_PREFIX), "a text"),
            f"a text of at most {MAX_PREFIX} characters",
            "what the log line begins with",
            "",
        ),
        Key(
            "limit",
            one(values.rate, values.RATE),
            values.RATE,
            "log lines of this rule at most; without it, log.rate of the configuration",
            also=("rate",),
        ),
        Key(
            "burst",
            one(values.whole_number(1, MAX_BURST), "a number"),
            f"a number from 1 to {MAX_BURST}",
            "log lines at once before the limit counts; without it, log.burst of the configuration",
        ),
        Key("level", one(values.level, _LEVEL), _LEVEL, "the severity of the log line", "warning"),
    ),
)


@reads(Truth(), Keys(LOG))
def read_log(node: Node, reading: Reading) -> Log | None:
    """The value of a `log:` key: true, false, or how to log. Raises Fault."""
    if isinstance(node, Scalar):
        try:
            return Log() if values.truth(node.text) else None
        except Fault:
            raise Fault(
                f"expected true or {{prefix: TEXT, limit: RATE, level: LEVEL}}, found {found(node)}"
            ) from None
    read = LOG.read(node, reading)
    return Log(
        cast("str", read.get("prefix", "")),
        cast("int", read.get("level", LEVELS["warning"])),
        cast("float | None", read.get("limit")),
        cast("int | None", read.get("burst")),
    )


@reads(Choice(REJECTS))
def _reject(text: str) -> str:
    if text in REJECTS:
        return text
    near = nearest(text, REJECTS)
    known = "" if near else f"; there are: {', '.join(REJECTS)}"
    raise Fault(f"unknown kind {quoted(text)}{known}", near)


# Packages bring others.
@reads(Choice((*READABLE, *OF_MODULE)), Text(f"^{HELPER_NAME}$", plain=True))
def _helper(node: Node, reading: Reading) -> str:
    text = text_of(node, "a helper's name")
    if text in reading.helpers or text in OF_MODULE:
        return text
    there = ", ".join(sorted(reading.helpers))
    near = nearest(text, reading.helpers)
    raise Fault(f"unknown helper {quoted(text)}; there are: {there}", near)


@reads(OneOrMore(shape_of(packet_values.label)))
def _labels(node: Node, reading: Reading) -> tuple[int, ...]:
    return tuple(each(node, reading, packet_values.label, packet_values.LABEL))


@reads(Keys(TIMEOUTS, filled=True))
def _timeouts(node: Node, reading: Reading) -> dict[str, int]:
    if not isinstance(node, Mapping) or not node.entries:
        raise Fault(f"expected {_TIMEOUTS_FORM}, found {found(node)}")
    return cast("dict[str, int]", TIMEOUTS.read(node, reading))


_TIMEOUTS_FORM: Final = "timeouts by name, as {udp_timeout: 10s}"
_DETAILED: Final = Table(
    "an action",
    (
        Key(
            "reject",
            one(_reject, "a kind of reject"),
            ", ".join(REJECTS),
            "drop and answer with this",
            example="{proto: tcp, dport: 113, action: {reject: tcp-reset}}",
        ),
        Key(
            "log",
            read_log,
            "true or a mapping",
            "write a log line and go on",
            example='{action: [{log: {prefix: "ssh "}}, accept]}',
        ),
        Key(
            "jump",
            read_target,
            "a name under chains: of the same table",
            "try the rules of that chain, then go on behind this rule",
        ),
        Key(
            "goto",
            read_target,
            "a name under chains: of the same table",
            "try the rules of that chain instead of the rest of this one",
        ),
        Key(
            "mark",
            read_mark,
            MARK_FORM,
            "set the packet's mark (its bits in MASK), or change it, and go on",
            also=("set_mark", "set_xmark", "or_mark", "and_mark", "xor_mark"),
            example="{proto: udp, dport: 5060, action: [{mark: 0x1/0xff}, accept]}",
        ),
        Key(
            "helper",
            _helper,
            "a helper's name",
            "let a helper follow the connection; raw only",
            example="{proto: tcp, dport: 21, action: {helper: ftp}}",
        ),
        Key(
            "connmark",
            read_connmark,
            CONNMARK_FORM,
            "set the mark of the packet's connection (its bits in MASK), change it, make it the "
            "packet's (save), or the packet's mark the connection's (restore), and go on; "
            "filter only",
            also=("save_mark", "restore_mark", "ctmark"),
            example="{in: lan0, action: [{mark: 0x10/0xf0}, {connmark: save}]}",
        ),
        Key(
            "label",
            _labels,
            f"one or a list of: {packet_values.LABEL}",
            "set labels of the packet's connection, which stay, and go on; filter only",
            example="{in: lan0, action: [{label: 3}, accept]}",
        ),
        Key(
            "zone",
            one(packet_values.zone, packet_values.ZONE),
            packet_values.ZONE,
            "track the packet in this zone: connections of different zones never meet; raw only",
            example="{in: lan0, action: {zone: 1}}",
        ),
        Key(
            "timeout",
            _timeouts,
            _TIMEOUTS_FORM,
            "how long the connection that the packet opens may be idle; raw only",
            example="{proto: udp, dport: 53, action: {timeout: {udp_timeout: 10s}}}",
        ),
        *TARGET_KEYS,
        Key(
            "count",
            one(plain_name, NAME),
            NAME,
            "add the packet to the counter of this name, which several rules may have, and go on; "
            "`firewalld-py rules counters` shows it, and a reload leaves it as it is",
            also=("counter", "acct"),
            example="{out: wan0, action: [{count: uploads}, accept]}",
        ),
        *RECENT_ACTIONS,
    ),
)


@reads(OneOrMore(AnyOf((Choice(WORDS), Keys(_DETAILED, single=True)))))
def read_action(node: Node, reading: Reading) -> Action:
    """The value of an `action:` key. Raises Fault or Reported."""
    parts: dict[str, object] = {}
    targets: list[Target] = []
    verdict: Verdict | None = None
    right = True
    for item in items_of(node, EXPECTED):
        if verdict is not None:
            reading.fault(item, f"nothing can follow after {verdict}, which ends the rule")
            right = False
            break
        try:
            name, value = _part(item, reading)
        except Fault as fault:
            reading.fault(item, fault.message, fault.suggestion)
            right = False
            continue
        except Reported:
            right = False
            continue
        target = _target(name, value)
        if name in parts if target is None else not may_follow(target, targets):
            reading.fault(item, f"{name} stands here twice")
            right = False
        if target is not None:
            targets.append(target)
        parts[name] = value
        if name in VERDICTS or name in TO_CHAIN:
            verdict = cast("Verdict", name)
    if not right:
        raise Reported
    return Action(
        verdict or "continue",
        cast("Log | None", parts.get("log")),
        tuple(targets),
        cast("str | None", parts.get("helper")),
        cast("str | None", parts.get("reject")),
        cast("int | None", parts.get("zone")),
        cast("dict[str, int] | None", parts.get("timeout")),
        cast("str | None", parts.get("jump", parts.get("goto"))),
    )


def _target(name: str, value: object) -> Target | None:
    """What is done beside the verdict, None for all else."""
    if isinstance(value, Target):
        return value
    return Target(name, cast("TargetValue", value)) if name in KINDS else None


def _part(node: Node, reading: Reading) -> tuple[str, object]:
    """One element of an action: its name and its value."""
    if is_null(node):
        raise Fault(f"expected {EXPECTED}, found nothing")
    if isinstance(node, Scalar):
        if node.text in WORDS:
            return node.text, {"log": Log(), "reject": DEFAULT_REJECT}.get(node.text)
        known = (*WORDS, *REJECTS)
        meant = _ALSO.get(node.text.lower(), "") or nearest(node.text, known)
        if node.text in reading.chains:
            meant = f"{{jump: {node.text}}}"
        elif meant in REJECTS:
            meant = f"{{reject: {meant}}}"
        raise values.unexpected(EXPECTED, node.text, meant)
    if not isinstance(node, Mapping):
        raise Fault(f"expected {EXPECTED}, found {found(node)}")
    if len(node.entries) != 1:
        raise Fault(
            f"expected an action with one key, found {len(node.entries)}: "
            "write several actions as a list, [{mark: 1}, accept]"
        )
    ((name, (_, value)),) = node.entries.items()
    if name in VERDICTS and name != "reject":
        raise Fault(f"{name} takes nothing: write it as a word", name)
    read = _DETAILED.read(node, reading)
    if name not in read or read[name] is None:
        if name in read:
            reading.fault(value, f"{name}: nothing to do")
        raise Reported
    return name, read[name]

"""What rules of nftables do: statements as actions of ours, and limits, quotas, counters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from firewalld_py.imports.conditions import NotExpressible, Numbers, family
from firewalld_py.imports.iptables_targets import ALL_BITS, REJECTS_HERE
from firewalld_py.imports.nft_file import Json, NftTable
from firewalld_py.imports.nft_text import statement_text, value_text
from firewalld_py.imports.nft_values import whole
from firewalld_py.imports.ruling import Ruling
from firewalld_py.imports.steps import Counters
from firewalld_py.policy.actions import MAX_PREFIX
from firewalld_py.policy.model import Log, Mark, MarkCopy, Target
from firewalld_py.policy.names import LEVELS, REJECTS, TCP

_UNITS: Final = ("second", "minute", "hour", "day")
_OCTETS: Final = {"bytes": 1, "kbytes": 1 << 10, "mbytes": 1 << 20, "gbytes": 1 << 30}
_ICMPX: Final = {
    "port-unreachable": "port-unreachable",
    "admin-prohibited": "admin-prohibited",
    "no-route": "no-route",
    "host-unreachable": "host-unreachable",
}
_ADVICE: Final = {
    "queue": "packets come to us by our own hook: leave this rule in nftables or drop it",
    "masquerade": "translation of addresses stays in nftables",
    "snat": "translation of addresses stays in nftables",
    "dnat": "translation of addresses stays in nftables",
    "redirect": "translation of addresses stays in nftables",
    "ct helper": "write it into raw: {proto: tcp, dport: 21, action: {helper: ftp}}",
    "ct timeout": "write it into raw: action: {timeout: {udp_timeout: 10s}}",
    "flow": "what ours accepts it can hand to the kernel by itself",
    "xt": "it is a match or target of iptables: import what iptables-save prints",
}
_STATEMENTS: dict[str, Callable[[Ruling, NftTable, Json], None]] = {}


def counters_of(statements: list[tuple[str, Json]]) -> Counters | None:
    """What a rule's counter has counted."""
    for name, body in statements:
        if name == "counter" and isinstance(body, dict):
            packets, octets = body.get("packets"), body.get("bytes")
            if isinstance(packets, int) and isinstance(octets, int):
                return Counters(packets, octets)
    return None


def act(ruling: Ruling, table: NftTable, name: str, body: Json) -> None:
    """Take one statement that is neither a comparison nor a verdict. Raises NotExpressible."""
    read = _STATEMENTS.get(name)
    if read is None:
        what = statement_text(name, body)[:80]
        raise NotExpressible(f"{what} has no like in our language", _ADVICE.get(name, ""))
    read(ruling, table, body)


def _nothing(ruling: Ruling, table: NftTable, body: Json) -> None:  # noqa: ARG001
    """A counter, whose numbers become a comment; one with a name stays."""
    if isinstance(body, str):
        target = Target("count", body)
        ruling.action = replace(ruling.action, targets=(*ruling.action.targets, target))


def _log(ruling: Ruling, table: NftTable, body: Json) -> None:  # noqa: ARG001
    fields = body if isinstance(body, dict) else {}
    given = fields.get("prefix", "")
    given = given if isinstance(given, str) else ""
    prefix = "".join(c if c.isprintable() else "?" for c in given)[:MAX_PREFIX]
    if prefix != given:
        ruling.note("the prefix is not quite the same")
    level = fields.get("level", "warn")
    if not isinstance(level, str) or level not in LEVELS:
        ruling.note("left out, for it only changes what the line says: level audit")
        level = "warn"
    left = sorted(set(fields) & {"flags", "group", "snaplen", "queue-threshold"})
    if left:
        ruling.note(f"left out, for it only changes what the line says: {' '.join(left)}")
    log = Log(prefix if prefix.strip() else "", LEVELS[level])
    if ruling.action.log is not None:
        raise NotExpressible("a rule writes one log line")
    ruling.action = replace(ruling.action, log=log)


def _limit(ruling: Ruling, table: NftTable, body: Json) -> None:  # noqa: ARG001
    if not isinstance(body, dict):
        raise NotExpressible("a limit that rules share has no like here", "make it a chain")
    if body.get("rate_unit", "packets") != "packets" or body.get("per") not in _UNITS:
        raise NotExpressible("a limit counts packets by second, minute, hour or day")
    rate, burst = f"{whole(body.get('rate'))}/{body.get('per')}", whole(body.get("burst", 5))
    if body.get("inv"):
        ruling.count("limit", f"{{rate: {rate}, burst: {burst}, over: true}}", negated=False)
    else:
        ruling.count_limit(rate, burst)


def _quota(ruling: Ruling, table: NftTable, body: Json) -> None:  # noqa: ARG001
    if not isinstance(body, dict):
        raise NotExpressible("a quota that rules share has no like here")
    unit = body.get("val_unit", "bytes")
    octets = whole(body.get("val")) * (_OCTETS.get(unit, 0) if isinstance(unit, str) else 0)
    if octets <= 0:
        raise NotExpressible("the quota cannot be read")
    ruling.count("quota", str(octets), negated=bool(body.get("inv")))


def _connections(ruling: Ruling, table: NftTable, body: Json) -> None:  # noqa: ARG001
    """How many connections there are of all that comes to the rule."""
    if ruling.table == "raw" or not isinstance(body, dict):
        raise NotExpressible("what comes before tracking has no connection")
    limit = whole(body.get("val"))
    if limit < 1:
        raise NotExpressible("no connection at all cannot be asked for")
    key = "over" if body.get("inv") else "up_to"
    if not any("family" in one for one in ruling.segments[-1].alternatives):
        ruling.almost("connections of IPv4 and of IPv6 are counted apart")
    ruling.count("connections", f"{{{key}: {limit}, mask: 0, mask6: 0}}", negated=False)


def _notrack(ruling: Ruling, table: NftTable, body: Json) -> None:  # noqa: ARG001
    if ruling.table != "raw":
        raise NotExpressible("notrack does nothing once tracking has seen the packet")
    ruling.action = replace(ruling.action, verdict="notrack")


def _mangle(ruling: Ruling, table: NftTable, body: Json) -> None:  # noqa: ARG001
    key, value = (body.get("key"), body.get("value")) if isinstance(body, dict) else (None, None)
    kind, name = "", None
    if isinstance(key, dict) and len(key) == 1:
        ((kind, inner),) = key.items()
        name = inner.get("key") if isinstance(inner, dict) and "dir" not in inner else None
    if (kind, name) == ("ct", "zone") and ruling.table == "raw":
        ruling.action = replace(ruling.action, zone=whole(value))
    elif (kind, name) == ("ct", "label") and ruling.table == "filter":
        _add(ruling, Target("label", (whole(value),)))
    elif (kind, name) == ("meta", "mark") and value == {"ct": {"key": "mark"}}:
        _add(ruling, Target("connmark_restore", MarkCopy(ALL_BITS, ALL_BITS)))
    elif (kind, name) == ("ct", "mark") and value == {"meta": {"key": "mark"}}:
        _add(ruling, Target("connmark_save", MarkCopy(ALL_BITS, ALL_BITS)))
    elif (kind, name) == ("meta", "mark"):
        _add(ruling, Target("mark", _new_mark(key, value)))
    elif (kind, name) == ("ct", "mark") and ruling.table == "filter":
        _add(ruling, Target("connmark", _new_mark(key, value)))
    else:
        raise NotExpressible(f"{value_text(key)[:60]} set has no like here")


def _add(ruling: Ruling, target: Target) -> None:
    if any(other.kind == target.kind for other in ruling.action.targets):
        raise NotExpressible(f"a rule sets its {target.kind} once")
    ruling.action = replace(ruling.action, targets=(*ruling.action.targets, target))


def _new_mark(key: Json, value: Json) -> Mark:
    """A number, or the mark itself with bits set and taken away."""
    if isinstance(value, dict) and list(value) == ["^"] and isinstance(value["^"], list):
        sides = value["^"]
        if len(sides) == 2 and sides[0] == key and 0 < whole(sides[1]) <= ALL_BITS:
            return Mark(whole(sides[1]), 0, "xor")
    keep, set_ = _bits(key, value, 0)
    mark = Mark(set_, ALL_BITS & ~keep)
    if not mark.mask:
        raise NotExpressible("it changes no bit of the mark", "leave the rule out")
    return mark


def _bits(key: Json, value: Json, depth: int) -> tuple[int, int]:
    """The bits of the old mark that are kept, and those that are set."""
    if value == key and key is not None:
        return ALL_BITS, 0
    if isinstance(value, dict) and len(value) == 1 and depth < 8:
        ((sign, sides),) = value.items()
        if sign in ("&", "|") and isinstance(sides, list) and len(sides) == 2:
            keep, set_ = _bits(key, sides[0], depth + 1)
            number = whole(sides[1])
            if not 0 <= number <= ALL_BITS:
                raise NotExpressible(f"{number} is no mark")
            if sign == "&":
                return keep & number, set_ & number
            return keep & ~number, set_ | number
    if isinstance(value, (dict, list)):
        raise NotExpressible(f"a mark is not set to {value_text(value)[:60]} here")
    number = whole(value)
    if not 0 <= number <= ALL_BITS:
        raise NotExpressible(f"{number} is no mark")
    return 0, number


def _reject(ruling: Ruling, table: NftTable, body: Json) -> None:  # noqa: ARG001
    if ruling.table == "raw":
        raise NotExpressible("reject is not possible in raw", "drop here, or reject in filter")
    fields = body if isinstance(body, dict) else {}
    kind, word = fields.get("type", "icmpx"), fields.get("expr", "port-unreachable")
    if not isinstance(kind, str) or not isinstance(word, str):
        raise NotExpressible("the kind of the reject cannot be read")
    ours = ""
    if kind == "tcp reset":
        ours = "tcp-reset"
        ruling.ask_once({"proto": Numbers(((TCP, TCP),), 255)})
    elif kind == "icmpx":
        ours = _ICMPX.get(word, "")
    elif kind == "icmp":
        name = f"icmp-{word.replace('prot-', 'proto-')}"
        ours = REJECTS_HERE.get(name, name if name in REJECTS else "")
        ruling.ask_once(family(4))
    elif kind == "icmpv6":
        ours = {"no-route": "no-route", "admin-prohibited": "admin-prohibited"}.get(word, "")
        ours = {"addr-unreachable": "host-unreachable", "port-unreachable": word}.get(word, ours)
        ruling.ask_once(family(6))
    if not ours:
        raise NotExpressible(f"there is no reject with {kind} {word}", "no-route comes near")
    ruling.action = replace(ruling.action, verdict="reject", reject=ours)


def _helper(ruling: Ruling, table: NftTable, body: Json) -> None:
    if ruling.table == "raw":
        ruling.note("left out: in nftables it does nothing before tracking")
        return
    known = table.objects.get(("ct helper", body if isinstance(body, str) else ""), {})
    name, protocol = known.get("type", "NAME"), known.get("protocol", "tcp")
    raise NotExpressible(
        f"the helper {name} is given in raw, before tracking",
        f"raw: prerouting: - {{proto: {protocol}, dport: PORT, action: {{helper: {name}}}}}",
    )


_STATEMENTS.update(
    {
        "counter": _nothing,
        "comment": _nothing,
        "log": _log,
        "limit": _limit,
        "quota": _quota,
        "ct count": _connections,
        "notrack": _notrack,
        "mangle": _mangle,
        "reject": _reject,
        "ct helper": _helper,
    }
)

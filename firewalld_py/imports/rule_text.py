"""One rule as YAML: its keys in the order in which one says them, on one line if it fits."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Final

from firewalld_py.imports.conditions import (
    Bits,
    Conditions,
    Interface,
    NotExpressible,
    Numbers,
    Words,
)
from firewalld_py.imports.sets import SetOf
from firewalld_py.policy.addresses import BITS, address_text
from firewalld_py.policy.checks import PROTOCOL_NAMES
from firewalld_py.policy.matches_connection import MAX_SECONDS
from firewalld_py.policy.model import Action, Log, Mark, MarkCopy, Recent, SetTarget, TargetValue
from firewalld_py.policy.names import (
    ICMP,
    ICMP_TYPES,
    ICMPV6,
    LEVELS,
    STATES,
    SYN_MASK,
    TCP_FLAGS,
)
from firewalld_py.policy.nodes import NULLS

WIDTH: Final = 110
# The keys that come first, in this order; the others follow as conditions.KEYS has them.
_ORDER: Final = (
    *("in", "out", "proto", "src", "dst", "sport", "dport", "icmp", "icmpv6", "flags"),
    *("tcp_flags", "tcp_option", "mss", "length", "ttl", "dscp", "tos", "ipv6_header", "state"),
)
MAX_TYPES: Final = 64  # ICMP types and codes that one rule names

Value = str | list["Value"] | dict[str, "Value"]
Fields = dict[str, Value]

_PLAIN: Final = re.compile(r"[A-Za-z0-9_./*+-]([A-Za-z0-9_./*+()=<>;: -]*[A-Za-z0-9_./*+)=<>;-])?")
_KIND_NAMES: Final = {
    protocol: {number: name for name, number in reversed(types.items())}
    for protocol, types in ICMP_TYPES.items()
}
_LEVEL_NAMES: Final = {number: name for name, number in reversed(LEVELS.items())}


def scalar(text: str) -> str:
    """A text as YAML has it, in quotes where it needs them."""
    plain = _PLAIN.fullmatch(text) and text not in NULLS and ": " not in text
    if not plain or text[0] in "*-" or text.startswith((".", "+")):
        return json.dumps(text, ensure_ascii=False)
    return text


class Flow(str):
    """A value that is YAML already."""

    __slots__ = ()


def flow(value: Value) -> str:
    """A value on one line."""
    if isinstance(value, Flow):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(one) for one in value) + "]"
    return scalar(value)


def rule_lines(fields: Fields, indent: str) -> list[str]:
    """A rule as an element of a list: on one line, or one for each key."""
    line = f"{indent}- {flow(fields)}"
    if len(line) <= WIDTH:
        return [line]
    first = f"{indent}- "
    lines: list[str] = []
    for key, value in fields.items():
        lines += _wrapped(f"{first}{key}: ", value, f"{indent}  ")
        first = f"{indent}  "
    return lines


def _wrapped(before: str, value: Value, indent: str) -> list[str]:
    """A key with its value; a long list goes below, some elements to a line."""
    if not isinstance(value, list) or len(before + flow(value)) <= WIDTH:
        return [before + flow(value)]
    lines = [f"{before}["]
    line = f"{indent}  "
    for one in value:
        text = f"{flow(one)}, "
        if len(line + text) > WIDTH and line.strip():
            lines.append(line.rstrip())
            line = f"{indent}  "
        line += text
    return [*lines, line.rstrip(" ,"), f"{indent}]"]


def fields_of(
    name: str,
    family: int | None,
    conditions: Conditions,
    action: Action,
) -> Fields:
    """The keys of a rule. `family` is 4 or 6, or None for a rule of both. Raises NotExpressible."""
    own: Fields = {}
    negated: Fields = {}
    for key, part in conditions.items():
        if isinstance(part, Words):
            wanted: list[Value] = [Flow(part.wanted)] if part.wanted else []
            unwanted: list[Value] = [Flow(text) for text in part.unwanted]
        else:
            wanted, unwanted = _TEXTS.get(key, _numbers)(key, part, family)
        icmp = "icmpv6" if key == "icmp" and family == 6 else key
        if wanted:
            own[icmp] = wanted[0] if len(wanted) == 1 else wanted
        if unwanted:
            negated[icmp] = unwanted[0] if len(unwanted) == 1 else unwanted
    if "icmp" in own or "icmpv6" in own:
        own.pop("proto", None)  # the type says it
    if own.get("tcp_flags") == "FIN,SYN,RST,ACK SYN":
        del own["tcp_flags"]
        own["flags"] = "syn"
    result: Fields = {"name": name} if name else {}
    told = [key for key in ("src", "dst", "ipv6_header") if key in own]
    # A set may have elements of both IP versions.
    sets = [key for key in told if isinstance(own[key], Flow) and key != "ipv6_header"]
    if family is not None and (not told or told == sets):
        result["family"] = f"ipv{family}"
    for key in (*_ORDER, *own):
        if key in own:
            result[key] = own[key]
    if negated:
        result["not"] = negated
    result.update(_action_fields(action))
    return result


def _action_fields(action: Action) -> Iterator[tuple[str, Value]]:
    if action.log is not None:
        yield "log", _log(action.log)
    parts: list[Value] = [
        {target.kind.partition("mark_")[0] + "mark": _copy(target.kind, target.value)}
        if isinstance(target.value, MarkCopy)
        else {target.kind: _target(target.value)}
        for target in action.targets
    ]
    if action.zone is not None:
        parts.append({"zone": str(action.zone)})
    if action.helper is not None:
        parts.append({"helper": action.helper})
    if action.chain is not None:
        parts.append({action.verdict: action.chain})
    elif action.reject is not None:
        parts.append("reject" if action.reject == "port-unreachable" else {"reject": action.reject})
    elif action.verdict != "continue":
        parts.append(action.verdict)
    if len(parts) == 1:
        yield "action", parts[0]
    elif parts:
        yield "action", parts


def _copy(kind: str, value: MarkCopy) -> Value:
    """connmark: save and restore."""
    way = kind.rpartition("_")[2]
    if value == MarkCopy(0xFFFFFFFF, 0xFFFFFFFF):
        return way
    return {way: {"nfmask": f"{value.nfmask:#x}", "ctmask": f"{value.ctmask:#x}"}}


def _recent(value: Recent) -> Value:
    fields: dict[str, Value] = {"list": value.list}
    if value.of_destination:
        fields["of"] = "dst"
    for key, number in (("mask", value.mask), ("mask6", value.mask6)):
        if number is not None:
            fields[key] = str(number)
    return value.list if len(fields) == 1 else fields


def _target(value: TargetValue) -> Value:
    if isinstance(value, Mark):
        return {"xor": f"{value.value:#x}"} if value.way == "xor" else _mark(value)
    if isinstance(value, str):
        return value
    if isinstance(value, Recent):
        return _recent(value)
    assert not isinstance(value, MarkCopy)
    if isinstance(value, SetTarget):
        of: Value = value.of[0] if len(value.of) == 1 else list(value.of)
        fields: dict[str, Value] = {"set": value.name, "of": of}
        if value.lifetime is not None:
            fields["for"] = str(value.lifetime)
        return fields
    numbers_: list[Value] = [str(number) for number in value]
    return numbers_[0] if len(numbers_) == 1 else numbers_


def set_lines(name: str, made: SetOf, indent: str) -> list[str]:
    """A set, one line for each of its keys."""
    types: list[Value] = [*made.type]
    lines = [f"{indent}{name}:", f"{indent}  type: {flow(types[0] if len(types) == 1 else types)}"]
    if made.lifetime_s:
        lines.append(f"{indent}  lifetime: {made.lifetime_s}")
    if made.maximum is not None:
        lines.append(f"{indent}  maximum: {made.maximum}")
    if made.elements:
        lines += _wrapped(f"{indent}  elements: ", [*made.elements], f"{indent}  ")
    return lines


def _log(log: Log) -> Value:
    result: dict[str, Value] = {}
    if log.prefix:
        result["prefix"] = log.prefix
    if log.rate is not None:
        result["limit"] = _rate(log.rate)
        result["burst"] = str(log.burst)
    if log.level != LEVELS["warning"]:
        result["level"] = _LEVEL_NAMES[log.level]
    return result or "true"


def _rate(per_second: float) -> str:
    for unit, seconds in (("second", 1), ("minute", 60), ("hour", 3600), ("day", 86400)):
        count = per_second * seconds
        if abs(count - round(count)) < 1e-6:
            return f"{round(count)}/{unit}"
    raise NotExpressible("the rate cannot be written")


def _mark(mark: Mark) -> str:
    return f"{mark.value:#x}" if mark.mask == 0xFFFFFFFF else f"{mark.value:#x}/{mark.mask:#x}"


Texts = tuple[list[Value], list[Value]]


def _numbers(key: str, part: object, family: int | None) -> Texts:
    """The numbers that are wanted, or those that are not, whichever are fewer."""
    assert isinstance(part, Numbers)
    text: Callable[[int, int], list[str]] = {
        "state": _states,
        "proto": _protocols,
        "dscp": _each,
        "connection_proto": _protocols,
        "expires": _seconds,
        "icmp": lambda low, high: _types(family, low, high),
    }.get(key, _ports)
    if key.endswith(("src", "dst")):
        text = lambda low, high: _addresses(family, low, high)  # noqa: E731
    wanted: list[Value] = [one for low, high in part.ranges for one in text(low, high)]
    unwanted: list[Value] = [one for low, high in part.others() for one in text(low, high)]
    if key == "icmp" and min(len(wanted), len(unwanted)) > MAX_TYPES:
        raise NotExpressible("too many ICMP types and codes")
    return (wanted, []) if len(wanted) <= len(unwanted) else ([], unwanted)


def _states(low: int, high: int) -> list[str]:
    return list(STATES)[low : high + 1]


def _each(low: int, high: int) -> list[str]:
    return [str(number) for number in range(low, high + 1)]


def _protocols(low: int, high: int) -> list[str]:
    return [PROTOCOL_NAMES.get(number, str(number)) for number in range(low, high + 1)]


def _seconds(low: int, high: int) -> list[str]:
    return [f"{low}-" if high == MAX_SECONDS else f"{low}-{high}"]


def _ports(low: int, high: int) -> list[str]:
    return [str(low) if low == high else f"{low}-{high}"]


def _addresses(family: int | None, low: int, high: int) -> list[str]:
    assert family is not None
    size = high - low + 1
    if size & (size - 1) == 0 and low % size == 0:
        length = BITS[family] - (size.bit_length() - 1)
        text = address_text(family, low)
        return [text if size == 1 else f"{text}/{length}"]
    return [f"{address_text(family, low)}-{address_text(family, high)}"]


def _types(family: int | None, low: int, high: int) -> list[str]:
    names = _KIND_NAMES[ICMP if family == 4 else ICMPV6]
    result: list[str] = []
    while low <= high:
        kind, code = low >> 8, low & 0xFF
        name = names.get(kind, str(kind))
        if code == 0 and high >= (kind << 8 | 0xFF):
            result.append(name)
            low = (kind + 1) << 8
        else:
            result.append(f"{name}/{code}")
            low += 1
    return result


def _interface(key: str, part: object, family: int | None) -> Texts:  # noqa: ARG001
    assert isinstance(part, Interface)
    return ([part.wanted] if part.wanted else []), list(part.unwanted)


def _pairs(key: str, part: object, family: int | None) -> Texts:  # noqa: ARG001
    assert isinstance(part, Bits)
    text = {"tcp_flags": _flags, "tos": _octet}.get(key, _mark_text)
    wanted: list[Value] = [text(*part.wanted)] if part.wanted[1] else []
    return wanted, [text(*pair) for pair in part.unwanted]


def _mark_text(value: int, mask: int) -> str:
    return _mark(Mark(value, mask))


def _octet(value: int, mask: int) -> str:
    return f"{value:#04x}/{mask:#04x}"


def _flags(value: int, mask: int) -> str:
    order = (mask == SYN_MASK and "fin syn rst ack") or "fin syn rst psh ack urg ece cwr"
    names = [name for name in order.split() if TCP_FLAGS[name] & mask]
    of_mask = "ALL" if mask == TCP_FLAGS["all"] else ",".join(names).upper()
    set_ = ",".join(name for name in names if TCP_FLAGS[name] & value).upper()
    return f"{of_mask} {set_ or 'NONE'}"


def _single_bits(key: str, part: object, family: int | None) -> Texts:  # noqa: ARG001
    assert isinstance(part, Bits)
    value, mask = part.wanted
    if mask & (mask - 1) or value != mask:
        what = "labels" if key == "label" else "TCP options"
        raise NotExpressible(f"several {what} at once cannot be asked for")
    wanted: list[Value] = [str(mask.bit_length() - 1)] if mask else []
    return wanted, [str(bad.bit_length() - 1) for bad, _ in part.unwanted]


_TEXTS: Final[dict[str, Callable[[str, object, int | None], Texts]]] = {
    "in": _interface,
    "out": _interface,
    "tcp_flags": _pairs,
    "mark": _pairs,
    "connmark": _pairs,
    "label": _single_bits,
    "tcp_option": _single_bits,
    "tos": _pairs,
}

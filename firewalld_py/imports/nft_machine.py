"""What nftables asks of the clock and of the machine's routes, as conditions of ours."""

from __future__ import annotations

import re
from typing import Final

from firewalld_py.imports.conditions import Conditions, NotExpressible, Words
from firewalld_py.imports.nft_file import Json
from firewalld_py.imports.nft_text import value_text
from firewalld_py.imports.nft_values import elements
from firewalld_py.imports.ruling import Ruling

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_CLOCK: Final = re.compile("([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?")
_DATE: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}:[0-9]{2})?")
_TYPES: Final = ("unicast", "local", "broadcast", "anycast", "multicast", "blackhole")
_SUMMER: Final = "nftables keeps times of day as in UTC: they shift with summer time there"


def time(
    ruling: Ruling, key: str, operator: str, right: Json, sets: dict[str, Json]
) -> list[Conditions]:
    """Meta hour, day and time; nft prints them as this machine's clocks show them."""
    if key == "day":
        days = elements(right, sets)
        if not all(one in _DAYS for one in days) or operator not in ("==", "!="):
            raise NotExpressible(f"{value_text(right)[:60]} are no weekdays")
        kept = [day[:3].lower() for day in _DAYS if (day in days) == (operator == "==")]
        fields = f"weekdays: [{', '.join(kept)}]"
    elif key == "hour":
        ruling.almost(_SUMMER)
        fields = _between(operator, right, _CLOCK, "from", "to")
    else:
        fields = _between(operator, right, _DATE, "date_from", "date_to")
    value = f"{{{fields}, contiguous: false, zone: local}}"
    return [{"time": Words(value)}]


def _between(operator: str, right: Json, form: re.Pattern[str], first: str, last: str) -> str:
    """A range of times or dates, or what is from one on or up to one."""
    ends: list[Json] = [right]
    keys = {">=": [first], "<=": [last], "==": [first, last]}.get(operator, [])
    if operator == "==" and isinstance(right, dict) and list(right) == ["range"]:
        ends = right["range"] if isinstance(right["range"], list) else []
    whole = len(ends) == len(keys) and all(isinstance(one, str) for one in ends)
    if not whole or not all(form.fullmatch(one) for one in ends):
        raise NotExpressible(f"{operator} {value_text(right)[:60]} is no range of times here")
    return ", ".join(f'{key}: "{one}"' for key, one in zip(keys, ends, strict=True))


def fib(ruling: Ruling, body: Json, operator: str, right: Json) -> list[Conditions]:
    """What an address is by the routes, and whether answers go the way that the packet came."""
    fields = body if isinstance(body, dict) else {}
    flags = fields.get("flags")
    flags = [flags] if isinstance(flags, str) else flags
    if not isinstance(flags, list) or not all(isinstance(one, str) for one in flags):
        raise NotExpressible("what it asks of the routes cannot be read")
    if fields.get("result") == "type" and flags in (["saddr"], ["daddr"]):
        words = right["set"] if isinstance(right, dict) and "set" in right else [right]
        if not isinstance(words, list) or not all(one in _TYPES for one in words):
            raise NotExpressible(f"there is no type of addresses {value_text(right)[:60]}")
        value = words[0] if len(words) == 1 else f"[{', '.join(words)}]"
        key = "src_type" if flags == ["saddr"] else "dst_type"
        return [{key: Words("", (value,)) if operator == "!=" else Words(value)}]
    if fields.get("result") == "oif" and "saddr" in flags and right in (True, False):
        if set(flags) - {"saddr", "iif", "mark"}:
            raise NotExpressible("what it asks of the routes has no like in our language")
        if "mark" in flags:
            ruling.almost("the packet's mark is not asked where its source leads")
        mode = "strict" if "iif" in flags else "loose"
        found = right is (operator == "==")
        return [{"reverse_path": Words(mode) if found else Words("", (mode,))}]
    raise NotExpressible("what it asks of the routes has no like in our language")

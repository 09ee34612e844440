"""iptables' matches that count packets: hashlimit, quota, statistic. (limit: iptables_options.)"""

from __future__ import annotations

import re
from typing import Final

from firewalld_py.imports.conditions import NotExpressible
from firewalld_py.imports.iptables_options import Given, whole
from firewalld_py.imports.ruling import Ruling

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DAY_S: Final = 86400  # CREDITS_PER_JIFFY of xt_hashlimit.c: what 64 bits have room for
_UNITS: Final = {"s": "second", "m": "minute", "h": "hour", "d": "day"}
_PER: Final = {"srcip": "src", "dstip": "dst", "srcport": "sport", "dstport": "dport"}


def hashlimit(ruling: Ruling, given: Given) -> None:
    """-m hashlimit: a limit for each address, port or network."""
    over = "--hashlimit-above" in given
    negated, (text,) = (
        given.get("--hashlimit-above") or given.get("--hashlimit-upto") or (True, [""])
    )
    found = re.fullmatch(r"([0-9]{1,9})(?:/(s|m|h|d)[a-z]*)?", text)
    unknown = set(given) & {"--hashlimit-rate-match", "--hashlimit-rate-interval"}
    if negated or found is None or unknown:
        raise NotExpressible(f"hashlimit {' '.join(sorted(unknown)) or text} has no like here")
    unit = found[2] or "s"
    burst = _number(given, "burst", 5)
    fields = [f"rate: {int(found[1])}/{_UNITS[unit]}", f"burst: {burst}"]
    mode = given.get("--hashlimit-mode", (False, [""]))[1][0]
    per = [_PER.get(word, "") for word in mode.split(",") if word]
    if not all(per):
        raise NotExpressible(f"there is no hashlimit by {mode}")
    if per:
        fields.append(f"per: [{', '.join(per)}]" if len(per) > 1 else f"per: {per[0]}")
        fields += _mask(ruling, given, per)
    if over:
        fields.append("over: true")
    if "--hashlimit-htable-max" in given and per:
        fields.append(f"max: {_number(given, 'htable-max', 0)}")
    full_s = burst * _SECONDS[unit] / max(int(found[1]), 1)
    if full_s > _DAY_S:
        ruling.almost("iptables counts no burst that takes more than a day to come back")
    kept_s = _number(given, "htable-expire", _SECONDS[unit] * 1000) / 1000
    if per and full_s > kept_s:
        ruling.almost(f"iptables forgets who sends nothing for {kept_s:g} s, and counts anew")
    ruling.shares = given.get("--hashlimit-name", (False, [""]))[1][0]
    ruling.count("limit", f"{{{', '.join(fields)}}}", negated=False)


def _mask(ruling: Ruling, given: Given, per: list[str]) -> list[str]:
    """The bits of addresses that count; ours are the same for both ends."""
    bits = 32 if ruling.family == 4 else 128
    masks = {_number(given, f"{end}mask", bits) for end in ("src", "dst") if end in per}
    if len(masks) > 1:
        raise NotExpressible("source and destination have other masks", "make two rules")
    if masks <= {bits}:
        return []
    return [f"{'mask' if ruling.family == 4 else 'mask6'}: {masks.pop()}"]


def _number(given: Given, option: str, default: int) -> int:
    words = given.get(f"--hashlimit-{option}")
    return whole(words[1][0]) if words else default


def quota(ruling: Ruling, given: Given) -> None:
    """-m quota: until so many octets have gone."""
    negated, (text,) = given.get("--quota", (False, ["0"]))
    octets = whole(text)
    if octets == 0:
        ruling.ask([{}] if negated else [])
    else:
        ruling.count("quota", str(octets), negated=negated)


def statistic(ruling: Ruling, given: Given) -> None:
    """-m statistic: every so many packets, or a share of them."""
    mode = given.get("--mode", (False, [""]))[1][0]
    if mode == "nth":
        negated, (text,) = given.get("--every", (False, ["0"]))
        place = whole(given.get("--packet", (False, ["0"]))[1][0])
        if place:
            raise NotExpressible(
                f"of every {text} packets ours meets the first, not one behind it",
                "--packet 0 makes the same shares",
            )
        if whole(text) == 1:
            ruling.ask([] if negated else [{}])
        else:
            ruling.count("every", str(whole(text)), negated=negated)
        return
    negated, (text,) = given.get("--probability", (False, [""]))
    if mode != "random" or not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,20})?", text):
        raise NotExpressible(f"statistic {mode} {text} has no like in our language")
    share = f"{float(text):.9f}".rstrip("0").rstrip(".")
    if share in ("0", "1"):
        ruling.ask([{}] if (share == "1") != negated else [])
    else:
        ruling.count("probability", share, negated=negated)

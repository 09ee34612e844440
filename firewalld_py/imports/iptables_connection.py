"""iptables' matches about connections: conntrack, connbytes, helper."""

from __future__ import annotations

import re
from typing import Final

from firewalld_py.imports.conditions import (
    NOT_TRACKED,
    STATE_TOP,
    TRACKED,
    Conditions,
    NotExpressible,
    Numbers,
    Words,
    conjoined,
    numbers,
    states,
)
from firewalld_py.imports.iptables_options import (
    Given,
    address_part,
    port_part,
    protocol_number,
    state_ranges,
    whole,
)
from firewalld_py.imports.ruling import Ruling
from firewalld_py.policy.matches_connection import MAX_SECONDS

NO_TIME: Final = "of a connection's first packet the kernel knows no time that is left"
_STATUSES: Final = ("EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED")
_ENDS: Final = {
    f"--ct{word}{end}{port}": f"{direction}_{'sd'[end == 'dst'] + 'port' if port else end}"
    for direction, word in (("original", "orig"), ("reply", "repl"))
    for end in ("src", "dst")
    for port in ("", "port")
}
# Protocols whose numbers both sides take for ports.
_WITH_PORTS: Final = frozenset((6, 17, 132, 136))
OPTIONS: Final = {
    **dict.fromkeys(("--ctstate", "--ctstatus", "--ctdir", "--ctexpire", "--ctproto"), 1),
    **dict.fromkeys(_ENDS, 1),
}


def conntrack(ruling: Ruling, given: Given) -> None:
    """-m conntrack.

    As net/netfilter/xt_conntrack.c: of a packet without a connection nothing is asked but the
    state; and if that is asked and met, the rest counts as met.
    """
    _needs_connection(ruling)
    others: Conditions | None = {}
    for option, (negated, words) in given.items():
        if option != "--ctstate" and others is not None:
            asked = _asked(ruling, given, option, negated, words[0])
            others = None if asked is None else conjoined(others, asked)
    if "--ctstate" not in given:
        # Whatever is asked of a connection is met by nothing that has none.
        ruling.ask([] if others is None else [others or states(TRACKED)])
        return
    negated, words = given["--ctstate"]
    wanted = Numbers(state_ranges(words[0]), STATE_TOP)
    if negated:
        wanted = Numbers(wanted.others(), STATE_TOP)
    if len(given) == 1:
        ruling.ask([{"state": wanted}] if wanted.ranges else [])
        return
    alternatives: list[Conditions] = []
    tracked = wanted.both(Numbers(TRACKED, STATE_TOP))
    if tracked is not None and others is not None:
        alternatives.append({"state": tracked, **others})
    untracked = wanted.both(Numbers(NOT_TRACKED, STATE_TOP))
    if untracked is not None:
        alternatives.append({"state": untracked})
    ruling.ask(alternatives)


def _needs_connection(ruling: Ruling) -> None:
    if ruling.table == "raw":
        raise NotExpressible("the connection is not known in raw, which comes before tracking")


def _asked(
    ruling: Ruling, given: Given, option: str, negated: bool, text: str
) -> Conditions | None:
    """What one option asks of a packet that has a connection; None if none meets it."""
    if option == "--ctdir":
        original = (text.upper() == "ORIGINAL") != negated
        return {"direction": Words("original" if original else "reply")}
    if option == "--ctstatus":
        return _status(text, negated=negated)
    if option == "--ctproto":
        number = protocol_number(text)
        return _numbers("connection_proto", Numbers(((number, number),), 255), negated=negated)
    if option == "--ctexpire":
        low, colon, high = text.partition(":")
        first = whole(low or "0")
        last = whole(high) if high else first if not colon else MAX_SECONDS
        part = numbers([(first, min(last, MAX_SECONDS))], MAX_SECONDS)
        if given.get("--ctstatus") != (False, ["CONFIRMED"]):
            ruling.almost(NO_TIME)
        return _numbers("expires", part, negated=negated)
    key = _ENDS[option]
    if not key.endswith("port"):
        return _numbers(key, address_part(ruling.family, text), negated=negated)
    if not _has_ports(ruling, given):
        ruling.almost("in iptables numbers of ICMP count as ports, too: ask for proto")
    return _numbers(key, port_part(text), negated=negated)


def _numbers(key: str, part: Numbers, *, negated: bool) -> Conditions | None:
    if part.is_any() or not part.ranges:
        return {} if bool(part.ranges) != negated else None
    (other,) = part.negated()
    return {key: other if negated else part}


def _status(text: str, *, negated: bool) -> Conditions | None:
    names = [name for name in text.split(",") if name != "NONE"]
    unknown = [name for name in names if name not in _STATUSES]
    if unknown:
        raise NotExpressible(
            f"there is no status {unknown[0]}: addresses are translated by the kernel, not by us"
        )
    if not names:  # no bit is looked at: none of them is set
        return {} if negated else None
    ours = [name.lower().replace("_", "-") for name in names]
    value = ours[0] if len(ours) == 1 else f"[{', '.join(ours)}]"
    return {"status": Words("", (value,)) if negated else Words(value)}


def _has_ports(ruling: Ruling, given: Given) -> bool:
    """Whether the rule is only for protocols that have ports."""
    if "--ctproto" in given and not given["--ctproto"][0]:
        return protocol_number(given["--ctproto"][1][0]) in _WITH_PORTS
    return all(
        isinstance(part := conditions.get("proto"), Numbers)
        and all(set(range(low, high + 1)) <= _WITH_PORTS for low, high in part.ranges)
        for conditions in ruling.segments[0].alternatives
    )


def connbytes(ruling: Ruling, given: Given) -> None:
    """-m connbytes: packets or octets so far."""
    _needs_connection(ruling)
    negated, (text,) = given.get("--connbytes", (False, [""]))
    mode = given.get("--connbytes-mode", (False, [""]))[1][0]
    direction = given.get("--connbytes-dir", (False, [""]))[1][0]
    found = re.fullmatch(r"([0-9]{0,19})(?::([0-9]{0,19}))?", text)
    if found is None or mode not in ("packets", "bytes"):
        raise NotExpressible(f"connbytes {mode} {text} has no like in our language")
    if direction not in ("original", "reply", "both"):
        raise NotExpressible(f"there is no direction {direction}")
    count = f"{int(found[1] or 0)}-{int(found[2]) if found[2] else ''}"
    value = count if direction == "both" else f"{{{direction}: {count}}}"
    key = "packets" if mode == "packets" else "octets"
    ruling.ask([{key: Words("", (value,)) if negated else Words(value)}])


def helper(ruling: Ruling, given: Given) -> None:
    """-m helper: who expected the connection."""
    _needs_connection(ruling)
    negated, (name,) = given.get("--helper", (False, [""]))
    if not re.fullmatch("[A-Za-z0-9._-]{1,32}", name):
        raise NotExpressible("any helper cannot be asked for", "name them: helper: [ftp, sip]")
    ruling.ask([{"helper": Words("", (name,)) if negated else Words(name)}])

"""iptables' matches that remember, or ask the machine: connlimit, recent, time, addrtype, …"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from firewalld_py.imports.conditions import NotExpressible, Words
from firewalld_py.imports.iptables_options import Given, whole
from firewalld_py.imports.ruling import Ruling
from firewalld_py.policy.model import Recent, Target

_NEVER: Final = "2038-01-19T03:14:07"  # what iptables-save prints for no end
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WHERE: Final = {"--src-type": "src_type", "--dst-type": "dst_type"}
TIME_OPTIONS: Final = {
    **{f"--{word}": 1 for word in ("datestart", "datestop", "timestart", "timestop")},
    "--monthdays": 1,
    "--weekdays": 1,
    "--contiguous": 0,
    "--kerneltz": 0,
    "--utc": 0,
}
RECENT_OPTIONS: Final = {
    **{f"--{word}": 0 for word in ("set", "rcheck", "update", "remove", "rttl", "reap")},
    **{f"--{word}": 0 for word in ("rsource", "rdest")},
    **{f"--{word}": 1 for word in ("seconds", "hitcount", "name", "mask")},
}


def connlimit(ruling: Ruling, given: Given) -> None:
    """-m connlimit: how many connections an address or network has."""
    if ruling.table == "raw":
        raise NotExpressible("the connection is not known in raw, which comes before tracking")
    over = "--connlimit-above" in given
    default = (True, [""])
    negated, (text,) = given.get("--connlimit-above") or given.get("--connlimit-upto") or default
    key = "over" if over != negated else "up_to"
    number = whole(text)
    if number == 0:
        ruling.ask([{}] if key == "over" else [])
        return
    fields = [f"{key}: {number}"]
    fields += ["per: dst"] if "--connlimit-daddr" in given else []
    bits = 32 if ruling.family == 4 else 128
    mask = whole(given.get("--connlimit-mask", (False, [str(bits)]))[1][0])
    if mask != bits:
        fields.append(f"{'mask' if bits == 32 else 'mask6'}: {mask}")
    ruling.count("connections", f"{{{', '.join(fields)}}}", negated=False)


def recent(ruling: Ruling, given: Given) -> None:
    """-m recent: whether an address was seen of late, and noting it."""
    name = given.get("--name", (False, ["DEFAULT"]))[1][0]
    bits = 32 if ruling.family == 4 else 128
    mask = _prefix(given.get("--mask", (False, [""]))[1][0], bits)
    kept = None if mask == bits else mask
    of_destination = "--rdest" in given
    if "--set" in given:
        if given["--set"][0]:
            raise NotExpressible("recent ! --set notes nothing")
        mask4, mask6 = (kept, None) if bits == 32 else (None, kept)
        noted = Recent(name, of_destination, mask=mask4, mask6=mask6)
        ruling.do(Target("recent_set", noted))
        return
    how = [option for option in ("--rcheck", "--update", "--remove") if option in given]
    if len(how) != 1:
        raise NotExpressible("recent wants one of --set, --rcheck, --update, --remove")
    fields = [f"list: {name}"]
    fields += ["of: dst"] if of_destination else []
    fields += [f"{'mask' if bits == 32 else 'mask6'}: {kept}"] if kept is not None else []
    for option, key in (("--seconds", "within"), ("--hitcount", "hits")):
        if option in given and whole(given[option][1][0]):
            fields.append(f"{key}: {whole(given[option][1][0])}")
    for option, key in (
        *(("--update", "update"), ("--remove", "remove")),
        *(("--rttl", "same_ttl"), ("--reap", "reap")),
    ):
        if option in given:
            fields.append(f"{key}: true")
    if not re.fullmatch("[A-Za-z0-9_.-]{1,64}", name):
        raise NotExpressible(f"a list cannot be called {name}")
    ruling.count("recent", f"{{{', '.join(fields)}}}", negated=given[how[0]][0])


def _prefix(text: str, bits: int) -> int:
    """The length of a netmask; one with gaps is refused."""
    if not text:
        return bits
    try:
        number = int(ipaddress.ip_address(text))
    except ValueError:
        raise NotExpressible(f"{text} is no mask") from None
    length = number.bit_count()
    if number != ((1 << length) - 1) << bits - length:
        raise NotExpressible(f"the mask {text} has gaps")
    return length


def time(ruling: Ruling, given: Given) -> None:
    """-m time: times of day, weekdays, days of the month, dates."""
    fields: list[str] = []
    for option, key in (("--timestart", "from"), ("--timestop", "to")):
        if option in given:
            fields.append(f"{key}: {_clock(given[option][1][0])}")
    if "--weekdays" in given:
        negated, (text,) = given["--weekdays"]
        fields.append(f"weekdays: [{', '.join(_weekdays(text, negated=negated))}]")
    if "--monthdays" in given:
        negated, (text,) = given["--monthdays"]
        days = {whole(day) for day in text.split(",")}
        kept = [str(day) for day in range(1, 32) if (day in days) != negated]
        fields.append(f"monthdays: [{', '.join(kept)}]")
    for option, key in (("--datestart", "date_from"), ("--datestop", "date_to")):
        text = given.get(option, (False, [""]))[1][0]
        if text and text != _NEVER:
            day, _, clock = text.partition("T")
            if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", day):
                raise NotExpressible(f"{text} is no date")
            fields.append(f'{key}: "{day} {_clock(clock or "00:00:00")}"')
    if not fields:
        return
    fields += [] if "--contiguous" in given else ["contiguous: false"]
    fields += ["zone: local"] if "--kerneltz" in given else []
    ruling.ask([{"time": Words(f"{{{', '.join(fields)}}}")}])


def _clock(text: str) -> str:
    if not re.fullmatch("[0-9]{2}:[0-9]{2}(:[0-9]{2})?", text):
        raise NotExpressible(f"{text} is no time of day")
    return text


def _weekdays(text: str, *, negated: bool) -> list[str]:
    named = {_DAYS[whole(day) - 1] if day in "1234567" else day for day in text.split(",")}
    if not named <= set(_DAYS):
        raise NotExpressible(f"{text} are no weekdays")
    return [day.lower() for day in _DAYS if (day in named) != negated]


def addrtype(ruling: Ruling, given: Given) -> None:
    """-m addrtype: what an address is by this machine's routes."""
    for option, (negated, words) in given.items():
        if option not in _WHERE:
            raise NotExpressible(f"addrtype {option} has no like in our language")
        names = [word.lower() for word in words[0].split(",")]
        value = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
        if not re.fullmatch(r"[a-z, \[\]]+", value):
            raise NotExpressible(f"there is no type of addresses {words[0]}")
        ruling.ask([{_WHERE[option]: Words("", (value,)) if negated else Words(value)}])


def rpfilter(ruling: Ruling, given: Given) -> None:
    """-m rpfilter: whether answers go the way that the packet came."""
    if "--validmark" in given:
        raise NotExpressible("marks are not asked where addresses lead")
    value = "loose" if "--loose" in given else "strict"
    if "--accept-local" in given:
        value = f"{{mode: {value}, accept_local: true}}"
    inverted = "--invert" in given
    ruling.ask([{"reverse_path": Words("", (value,)) if inverted else Words(value)}])


def nfacct(ruling: Ruling, given: Given) -> None:
    """-m nfacct: a counter with a name."""
    ruling.do(Target("count", given.get("--nfacct-name", (False, [""]))[1][0]))

"""iptables' matches that remember: connlimit, recent, nfacct."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from firewalld_py.imports.conditions import NotExpressible
from firewalld_py.imports.iptables_options import Given, whole
from firewalld_py.imports.ruling import Ruling
from firewalld_py.policy.model import Recent, Target

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


def nfacct(ruling: Ruling, given: Given) -> None:
    """-m nfacct: a counter with a name."""
    ruling.do(Target("count", given.get("--nfacct-name", (False, [""]))[1][0]))

"""The targets of iptables as actions of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from firewalld_py.imports.conditions import NotExpressible
from firewalld_py.imports.ipset_file import change_set
from firewalld_py.imports.iptables_matches import LOG_ONLY, TARGET_ADVICE
from firewalld_py.imports.iptables_options import whole
from firewalld_py.imports.ruling import Ruling
from firewalld_py.policy.actions import MAX_BURST, MAX_PREFIX
from firewalld_py.policy.errors import Fault
from firewalld_py.policy.model import Action, Log, Mark, MarkCopy, Target, Verdict
from firewalld_py.policy.names import REJECTS
from firewalld_py.policy.values import level, rate

ALL_BITS: Final = 0xFFFFFFFF
# The kernel's kinds of both families that are one kind of ours.
REJECTS_HERE: Final = {
    "icmp-net-unreachable": "no-route",
    "icmp-host-unreachable": "host-unreachable",
    "icmp-port-unreachable": "port-unreachable",
    "icmp-admin-prohibited": "admin-prohibited",
    "icmp6-no-route": "no-route",
    "no-route": "no-route",
    "icmp6-adm-prohibited": "admin-prohibited",
    "adm-prohibited": "admin-prohibited",
    "icmp6-addr-unreachable": "host-unreachable",
    "addr-unreach": "host-unreachable",
    "icmp6-port-unreachable": "port-unreachable",
    "port-unreach": "port-unreachable",
    "tcp-reset": "tcp-reset",
    "tcp-rst": "tcp-reset",
}


def action_of(ruling: Ruling) -> Action:
    """What the rule's target does; that of a rule without one is nothing. Raises NotExpressible."""
    read = _TARGETS.get(ruling.target)
    if read is None:
        raise NotExpressible(
            f"the language has no target {ruling.target}", TARGET_ADVICE.get(ruling.target, "")
        )
    return read(ruling)


def _word(verdict: str) -> Callable[[Ruling], Action]:
    return lambda ruling: Action(cast("Verdict", verdict))  # noqa: ARG005


def _nothing(ruling: Ruling) -> Action:  # noqa: ARG001
    return Action()


def _reject(ruling: Ruling) -> Action:
    kind = " ".join(ruling.options.get("--reject-with", ["icmp-port-unreachable"]))
    ours = REJECTS_HERE.get(kind, kind)
    if ours not in REJECTS:
        raise NotExpressible(f"there is no reject with {kind}", "reject: no-route comes near")
    if ruling.table == "raw":
        raise NotExpressible("reject is not possible in raw", "drop here, or reject in filter")
    return Action("reject", reject=ours)


def _log(ruling: Ruling) -> Action:
    options = ruling.options
    given = (options.get("--log-prefix") or options.get("--nflog-prefix") or [""])[0]
    prefix = "".join(c if c.isprintable() else "?" for c in given)[:MAX_PREFIX]
    if prefix != given:
        ruling.note("the prefix is not quite the same")
    left = sorted(set(LOG_ONLY) & set(options))
    if left:
        ruling.note(f"left out, for it only changes what the line says: {' '.join(left)}")
    limit = ruling.take_limit()
    if limit is None:
        return Action(log=Log(prefix if prefix.strip() else "", _level(options)))
    rate_text, burst = limit
    try:
        per_second = rate(rate_text)
    except Fault as fault:
        raise NotExpressible(fault.message) from None
    if not 1 <= burst <= MAX_BURST:
        raise NotExpressible(f"a burst of {burst} is not possible")
    return Action(log=Log(prefix if prefix.strip() else "", _level(options), per_second, burst))


def _level(options: dict[str, list[str]]) -> int:
    try:
        return level((options.get("--log-level") or ["warning"])[0].replace("panic", "emerg"))
    except Fault as fault:
        raise NotExpressible(fault.message) from None


def _mark(ruling: Ruling) -> Action:
    return Action(targets=(Target("mark", _new_mark(ruling)),))


def _connmark(ruling: Ruling) -> Action:
    if ruling.table == "raw":
        raise NotExpressible("in raw the connection is not known: this does nothing in iptables")
    for way in ("save", "restore"):
        if f"--{way}-mark" in ruling.options:
            nfmask, ctmask = (
                _copied(ruling, name, ruling.options.get("--mask")) for name in ("nf", "ct")
            )
            return Action(targets=(Target(f"connmark_{way}", MarkCopy(nfmask, ctmask)),))
    return Action(targets=(Target("connmark", _new_mark(ruling)),))


def _copied(ruling: Ruling, name: str, both: list[str] | None) -> int:
    """The mask of --save-mark and --restore-mark."""
    words = ruling.options.get(f"--{name}mask") or both or [f"{ALL_BITS:#x}"]
    return whole(words[0])


def _new_mark(ruling: Ruling) -> Mark:
    """What --set-mark and its kin come to; the kernel's new mark is (old & ~mask) ^ value."""
    for option, words in ruling.options.items():
        if len(words) != 1:
            break
        value_text, slash, mask_text = words[0].partition("/")
        try:
            value = int(value_text, 0)
            mask = int(mask_text, 0) if slash else ALL_BITS
        except ValueError:
            break
        if option == "--set-mark":
            return _checked(Mark(value, mask | value))
        if option == "--set-xmark" and not value & ~mask:
            return _checked(Mark(value, mask))
        if option == "--and-mark":
            return _checked(Mark(0, ALL_BITS & ~value))
        if option == "--or-mark":
            return _checked(Mark(value, value))
        if (option == "--xor-mark" and not slash) or (option == "--set-xmark" and not mask):
            return _checked(Mark(value, 0, "xor"))
        break
    raise NotExpressible(
        f"{ruling.target} {' '.join(ruling.options)} has no like in our language",
        "bits of a mark can be set to a value: {mark: VALUE/MASK}",
    )


def _checked(mark: Mark) -> Mark:
    if not mark.mask and not mark.value:
        raise NotExpressible("it changes no bit of the mark", "leave the rule out")
    return mark


def _tracking(ruling: Ruling) -> Action:
    """CT and NOTRACK."""
    if ruling.table != "raw":
        raise NotExpressible(f"{ruling.target} is possible in raw only")
    options = set(ruling.options)
    if ruling.target == "NOTRACK" or options == {"--notrack"}:
        return Action("notrack")
    events = options & {"--ctevents", "--expevents"}
    if events:
        ruling.note(f"left out, for it is about events only: {' '.join(sorted(events))}")
    unknown = options - {"--helper", "--zone", "--ctevents", "--expevents"}
    if "--timeout" in unknown:
        raise NotExpressible(
            "the timeouts stand in the kernel, not in this file",
            "see `nfct list timeout`, and write action: {timeout: {udp_timeout: 10s}}",
        )
    zone = (ruling.options.get("--zone") or ["0"])[0]
    if unknown or not zone.isdecimal():
        what = " ".join(sorted(unknown)) or f"--zone {zone}"
        raise NotExpressible(f"CT {what} has no like in our language")
    helper = ruling.options.get("--helper")
    return Action(
        helper=helper[0] if helper else None, zone=int(zone) if "--zone" in options else None
    )


def _set(ruling: Ruling) -> Action:
    kind, change = change_set(ruling)
    return Action(targets=(Target(kind, change),))


_TARGETS: Final[dict[str, Callable[[Ruling], Action]]] = {
    "": _nothing,
    "ACCEPT": _word("accept"),
    "DROP": _word("drop"),
    "REJECT": _reject,
    "LOG": _log,
    "NFLOG": _log,
    "MARK": _mark,
    "CONNMARK": _connmark,
    "CT": _tracking,
    "NOTRACK": _tracking,
    "SET": _set,
}

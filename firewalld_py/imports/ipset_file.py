"""What `ipset save` prints, as sets of ours, and what of a packet a rule looks up in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from firewalld_py.imports.conditions import NotExpressible, Words
from firewalld_py.imports.ruling import Ruling
from firewalld_py.imports.save_file import SaveError, words_of
from firewalld_py.imports.sets import SetNames, SetOf, parts_text
from firewalld_py.policy.model import SetTarget

MAX_ELEMENTS: Final = 1_000_000  # of one file
_KINDS: Final = {"ip": "address", "net": "address", "port": "port", "iface": "interface"}
_PARTS: Final = {
    ("address", "src"): "src",
    ("address", "dst"): "dst",
    ("port", "src"): "sport",
    ("port", "dst"): "dport",
    ("interface", "src"): "in",
    ("interface", "dst"): "out",
    ("mac", "src"): "source_mac",
}
_ADVICE: Final = "give what `ipset save` prints with --ipset"


@dataclass(slots=True)
class IpSet:
    """A set: its type as ipset has it, its elements, and how long one lives (0: for ever)."""

    type: str
    timeout: int
    elements: list[str] = field(default_factory=list)
    is_dated: bool = False  # whether the time of some elements is running
    unlike: str = ""  # what is in it that ours cannot have


class IpSets:
    """The sets that rules of iptables may name, and those of ours that they become."""

    def __init__(self, text: str = "") -> None:
        """`text` is what `ipset save` printed. Raises SaveError."""
        self.sets: dict[str, IpSet] = {}
        self.made = SetNames()
        count = 0
        for number, line in enumerate(text.split("\n"), 1):
            try:
                words = [word.text for word in words_of(line.strip())]
            except ValueError as error:
                raise SaveError(number, str(error)) from None
            if not words or words[0].startswith("#"):
                continue
            count += 1
            if len(words) < 3 or words[0] not in ("create", "add") or count > MAX_ELEMENTS:
                raise SaveError(number, "expected create NAME TYPE or add NAME ELEMENT")
            self._take(number, words)

    def _take(self, number: int, words: list[str]) -> None:
        command, name, what, *options = words
        timeout = options[options.index("timeout") + 1 :][:1] if "timeout" in options else ["0"]
        if not timeout or not timeout[0].isdecimal():
            raise SaveError(number, "expected timeout SECONDS")
        if command == "create":
            self.sets[name] = IpSet(what, int(timeout[0]))
            return
        if name not in self.sets:
            raise SaveError(number, f"there is no set {name}")
        found = self.sets[name]
        found.elements.append(what)
        found.is_dated = found.is_dated or timeout != ["0"]
        if "nomatch" in options:
            found.unlike = f"{what} nomatch: what is in a set cannot be taken out of it again"

    def of(self, ruling: Ruling, name: str, sides: str) -> tuple[str, tuple[str, ...]]:
        """Our set for one that a rule names, and what of the packet is meant.

        Raises NotExpressible.
        """
        found = self.sets.get(name)
        if found is None:
            raise NotExpressible(f"the elements of the set {name} are not in this file", _ADVICE)
        kinds = _kinds(found.type)
        parts = [
            _PARTS.get((kind, side), "")
            for kind, side in zip(kinds, sides.split(","), strict=False)
        ]
        if found.unlike or not parts or len(parts) < len(kinds) or not all(parts):
            reason = found.unlike or f"a set {found.type} is not asked by {sides} here"
            raise NotExpressible(reason)
        if len(set(parts)) < len(parts):
            raise NotExpressible("the same part of a packet is looked up twice")
        if found.is_dated:
            ruling.almost("elements whose time was running stay in the set for good")
        made = SetOf(tuple(kinds), tuple(found.elements), found.timeout)
        return self.made.name(name, name, made), tuple(parts)


def _kinds(type_: str) -> list[str]:
    method, _, parts = type_.partition(":")
    kinds = [_KINDS.get(part, part) for part in parts.split(",")]
    if method not in ("hash", "bitmap") or not set(kinds) <= {*_KINDS.values(), "mac"}:
        raise NotExpressible(f"there are no sets of type {type_} in our language")
    return kinds


def match_set(ruling: Ruling, negated: bool, words: list[str]) -> None:
    """-m set --match-set NAME src,dst."""
    name, parts = _sets(ruling).of(ruling, words[0], words[1])
    key, value = parts[0], f"${name}"
    if len(parts) > 1 or key in ("sport", "dport"):  # a packet without ports is asked, too
        key, value = "set", f"{{name: {name}, of: {parts_text(parts)}}}"
    ruling.ask([{key: Words("", (value,)) if negated else Words(value)}])


def change_set(ruling: Ruling) -> tuple[str, SetTarget]:
    """-j SET: add or remove, and what."""
    options = ruling.options
    for option, kind in (("--add-set", "add"), ("--del-set", "remove")):
        words = options.get(option, [])
        if len(words) == 2:
            name, parts = _sets(ruling).of(ruling, words[0], words[1])
            lifetime = options.get("--timeout", [""])[0]
            if kind == "add" and "--exist" not in options:
                ruling.almost("an element that is there already begins its time anew")
            return kind, SetTarget(name, parts, int(lifetime) if lifetime.isdecimal() else None)
    raise NotExpressible("SET without --add-set or --del-set has no like")


def _sets(ruling: Ruling) -> IpSets:
    return ruling.sets if isinstance(ruling.sets, IpSets) else IpSets()

"""The words of an iptables rule, read in the order in which the kernel asks them.

That is: first what needs no match (-p, -s, -i, …), then match by match.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from firewalld_py.imports.conditions import NotExpressible
from firewalld_py.imports.ipset_file import IpSets
from firewalld_py.imports.iptables_matches import (
    ADVICE,
    BASIC,
    MATCHES,
    TARGET_ADVICE,
    TARGET_OPTIONS,
    Whole,
)
from firewalld_py.imports.iptables_options import Given
from firewalld_py.imports.ruling import Ruling
from firewalld_py.imports.save_file import SavedRule, Word
from firewalld_py.imports.steps import Source
from firewalld_py.policy.names import PROTOCOLS

_SAME = {"icmpv6": "icmp6", "ipv6-icmp": "icmp6"}


@dataclass(slots=True)
class _Loaded:
    """A match of the rule with the options that stand there for it, in order."""

    match: str
    given: list[tuple[str, bool, list[str]]] = field(default_factory=list)


def read_rule(family: int, table: str, rule: SavedRule, sets: IpSets | None = None) -> Ruling:
    """Read a rule's words; whatever is not known stands in its `faults` afterwards."""
    source = Source(f"IPv{family} line {rule.line}", rule.line, rule.text, rule.counters)
    ruling = Ruling(family, table, source)
    ruling.sets = sets
    loaded = _cut(ruling, list(rule.words))
    for one in loaded:
        try:
            _ask(ruling, one)
        except NotExpressible as fault:
            ruling.faults.append(fault)
    return ruling


def _cut(ruling: Ruling, words: list[Word]) -> list[_Loaded]:
    """The matches of a rule, the first being what needs none; its target goes to the ruling."""
    loaded = [_Loaded("")]
    while words:
        negated = words[0] == Word("!")
        if negated:
            words.pop(0)
        option = words.pop(0).text if words else ""
        if option in ("-j", "--jump", "-g", "--goto") and words:
            ruling.goes = option in ("-g", "--goto")
            ruling.target = words.pop(0).text
            ruling.options = _target_options(words)
            _check_options(ruling)
            break
        if option in ("-m", "--match") and words:
            match = words.pop(0).text
            loaded.append(_Loaded(_SAME.get(match, match)))
            if loaded[-1].match not in MATCHES:
                reason = f"the import knows no match {loaded[-1].match}"
                ruling.faults.append(NotExpressible(reason, ADVICE.get(loaded[-1].match, "")))
            continue
        if option in ("-p", "--protocol") and words:
            loaded.append(_Loaded(_SAME.get(words[0].text, words[0].text)))
        _take(ruling, loaded, option, negated, words)
    return loaded


def _take(
    ruling: Ruling, loaded: list[_Loaded], option: str, negated: bool, words: list[Word]
) -> None:
    """Give an option with its words, which are taken away, to the match that it is of."""
    of: _Loaded | None = None
    count = 0
    for one in loaded:
        options = _options(one.match)
        if option in options and (of is None or of.match):
            of, count = one, options[option]
    if of is None or len(words) < count:
        taken: list[str] = []
        while words and not words[0].is_option():
            taken.append(words.pop(0).text)
        unknown = [m.match for m in loaded[1:] if m.match not in MATCHES]
        if not [match for match in unknown if match not in PROTOCOLS and not match.isdecimal()]:
            # Else it is the option of a match that is reported already.
            reason = f"the option {' '.join([option, *taken])} has no like in our language"
            ruling.faults.append(NotExpressible(reason, ADVICE.get(loaded[-1].match, "")))
        return
    of.given.append((option, negated, [words.pop(0).text for _ in range(count)]))


def _options(match: str) -> dict[str, int]:
    """The options of a match, or those that need none, with how many words follow each."""
    known = MATCHES.get(match, {}) if match else BASIC
    if isinstance(known, Whole):
        return known.options
    return {name: option.words for name, option in known.items()}


def _ask(ruling: Ruling, one: _Loaded) -> None:
    known = MATCHES.get(one.match, {}) if one.match else BASIC
    if isinstance(known, Whole):
        given: Given = {option: (negated, words) for option, negated, words in one.given}
        known.read(ruling, given)
        return
    for option, negated, words in one.given:
        try:
            known[option].read(ruling, negated, words)
        except NotExpressible as fault:
            ruling.faults.append(fault)


def _check_options(ruling: Ruling) -> None:
    """A condition that stands behind the target must not be lost."""
    for name, words in ruling.options.items():
        if name not in TARGET_OPTIONS.get(ruling.target, ()):
            what = " ".join([ruling.target, name, *words])
            reason = f"{what} has no like in our language"
            ruling.faults.append(NotExpressible(reason, TARGET_ADVICE.get(ruling.target, "")))


def _target_options(words: list[Word]) -> dict[str, list[str]]:
    """The options behind the target, each with its words."""
    options: dict[str, list[str]] = {}
    name = ""
    for word in words:
        if word.is_option():
            name = word.text
            options[name] = []
        else:
            options.setdefault(name, []).append(word.text)
    return options

"""The words of an iptables rule as what it asks for: a table of its matches and their options."""

from __future__ import annotations

from typing import Final, NamedTuple

from firewalld_py.imports import iptables_options as options
from firewalld_py.imports.conditions import NotExpressible
from firewalld_py.imports.iptables_options import Reader
from firewalld_py.imports.ruling import Ruling
from firewalld_py.imports.save_file import SavedRule, Word
from firewalld_py.policy.names import PROTOCOLS

# What would do for matches that the language does not have.
ADVICE: Final = {
    "addrtype": "name the addresses themselves: dst: [...]",
    "set": "write the addresses of the set into define: and ask for src: $name",
    "physdev": "match the bridge itself with in: or out:",
    "helper": "write it by hand: helper: NAME",
    "conntrack": "write it by hand: direction, status, expires, original_src and the like",
    "connbytes": "write it by hand: packets: or octets:",
    "hashlimit": "write it by hand: limit: {rate: 10/second, per: src}",
    "quota": "write it by hand: quota: OCTETS",
    "statistic": "write it by hand: every: or probability:",
    "tcpmss": "write it by hand: mss:",
    "string": "write it by hand: contains:",
    "u32": "write it by hand: payload:",
}


class Option(NamedTuple):
    """How many words follow an option, and what it does to the rule."""

    words: int
    read: Reader


_PORTS: Final = {
    **dict.fromkeys(("--sport", "--source-port"), Option(1, options.ports("sport"))),
    **dict.fromkeys(("--dport", "--destination-port"), Option(1, options.ports("dport"))),
}
# Options of a log line that say more in it, and nothing about packets.
LOG_ONLY: Final = (
    *("--log-tcp-sequence", "--log-tcp-options", "--log-ip-options", "--log-uid"),
    *("--log-macdecode", "--nflog-group", "--nflog-range", "--nflog-size"),
    "--nflog-threshold",
)
# The options that need no match before them.
BASIC: Final[dict[str, Option]] = {
    **dict.fromkeys(("-p", "--protocol", "--proto"), Option(1, options.protocol)),
    **dict.fromkeys(("-i", "--in-interface"), Option(1, options.interface("in"))),
    **dict.fromkeys(("-o", "--out-interface"), Option(1, options.interface("out"))),
    **dict.fromkeys(("-s", "--source", "--src"), Option(1, options.address("src"))),
    **dict.fromkeys(("-d", "--destination", "--dst"), Option(1, options.address("dst"))),
}
# Those of each match.
MATCHES: Final[dict[str, dict[str, Option]]] = {
    "tcp": {
        **_PORTS,
        "--syn": Option(0, options.syn),
        "--tcp-flags": Option(2, options.tcp_flags),
        "--tcp-option": Option(1, options.tcp_option),
    },
    "udp": _PORTS,
    "udplite": _PORTS,
    "sctp": _PORTS,
    "dccp": _PORTS,
    "multiport": {
        **dict.fromkeys(("--sports", "--source-ports"), Option(1, options.ports("sport"))),
        **dict.fromkeys(("--dports", "--destination-ports"), Option(1, options.ports("dport"))),
        "--ports": Option(1, options.either_port),
    },
    "iprange": {
        "--src-range": Option(1, options.address_range("src")),
        "--dst-range": Option(1, options.address_range("dst")),
    },
    "icmp": {"--icmp-type": Option(1, options.icmp)},
    "icmp6": {"--icmpv6-type": Option(1, options.icmp)},
    "state": {"--state": Option(1, options.state)},
    "conntrack": {"--ctstate": Option(1, options.state)},
    "length": {"--length": Option(1, options.length)},
    "ttl": {f"--ttl-{how}": Option(1, options.hops(how)) for how in ("eq", "lt", "gt")},
    "hl": {f"--hl-{how}": Option(1, options.hops(how)) for how in ("eq", "lt", "gt")},
    "dscp": dict.fromkeys(("--dscp", "--dscp-class"), Option(1, options.dscp)),
    "tos": {"--tos": Option(1, options.tos)},
    "mark": {"--mark": Option(1, options.mark("mark"))},
    "connmark": {"--mark": Option(1, options.mark("connmark"))},
    "connlabel": {"--label": Option(1, options.label)},
    "comment": {"--comment": Option(1, options.comment)},
    "limit": {
        "--limit": Option(1, options.limit_rate),
        "--limit-burst": Option(1, options.limit_burst),
    },
}
# What each target has of its own; others have nothing that we know.
_MARKS: Final = ("--set-mark", "--set-xmark", "--and-mark", "--or-mark")
TARGET_OPTIONS: Final[dict[str, tuple[str, ...]]] = {
    "REJECT": ("--reject-with",),
    "LOG": ("--log-prefix", "--log-level", *LOG_ONLY),
    "NFLOG": ("--nflog-prefix", *LOG_ONLY),
    "MARK": _MARKS,
    "CONNMARK": _MARKS,
    "CT": ("--notrack", "--helper", "--zone", "--timeout", "--ctevents", "--expevents"),
}
TARGET_ADVICE: Final = {
    "MARK": "bits of a mark can be set to a value: {mark: VALUE/MASK}",
    "CONNMARK": "bits of a mark can be set to a value: {connmark: VALUE/MASK}",
    "NFQUEUE": "packets come to us by our own hook: leave this rule in iptables or drop it",
    "MASQUERADE": "translation of addresses stays in iptables",
    "SET": "there are no sets that rules change",
    "TCPMSS": "packets are not changed: leave this rule in iptables, in its table mangle",
}
_SAME: Final = {"icmpv6": "icmp6", "ipv6-icmp": "icmp6"}


def read_ruling(family: int, table: str, rule: SavedRule) -> Ruling:
    """Read a rule's words; whatever is not known stands in its `faults` afterwards."""
    ruling = Ruling(family, table, rule)
    words = list(rule.words)
    loaded: list[str] = []
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
            loaded.append(_SAME.get(words[0].text, words[0].text))
            words.pop(0)
            _load(ruling, loaded[-1])
            continue
        if option in ("-p", "--protocol") and words:
            loaded.append(_SAME.get(words[0].text, words[0].text))
        _read_option(ruling, loaded, option, negated, words)
    return ruling


def _load(ruling: Ruling, match: str) -> None:
    if match not in MATCHES:
        ruling.faults.append(
            NotExpressible(f"the import knows no match {match}", ADVICE.get(match, ""))
        )


def _read_option(
    ruling: Ruling, loaded: list[str], option: str, negated: bool, words: list[Word]
) -> None:
    """One option with its words, which are taken away."""
    known = BASIC.get(option)
    of_match = ""
    for match in reversed(loaded):
        if known is None and option in MATCHES.get(match, ()):
            known, of_match = MATCHES[match][option], match
    if known is None or len(words) < known.words:
        taken: list[str] = []
        while words and not words[0].is_option():
            taken.append(words.pop(0).text)
        unknown = [match for match in loaded if match not in MATCHES and match not in PROTOCOLS]
        if not unknown:  # else it is the option of a match that is reported already
            of_match = loaded[-1] if loaded else ""
            reason = f"the option {' '.join([option, *taken])} has no like in our language"
            ruling.faults.append(NotExpressible(reason, ADVICE.get(of_match, "")))
        return
    if ruling.limit is not None and of_match not in ("", "limit", "comment"):
        ruling.asks_after_limit = True
    given = [words.pop(0).text for _ in range(known.words)]
    try:
        known.read(ruling, negated, given)
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

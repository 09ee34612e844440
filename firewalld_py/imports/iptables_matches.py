"""The conditions of one iptables rule: each option of each match with what it asks of a packet."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from firewalld_py.imports.conditions import (
    MAX_ALTERNATIVES,
    STATE_TOP,
    TRACKED,
    Bits,
    Conditions,
    Interface,
    NotExpressible,
    Numbers,
    all_others,
    conjoined,
    numbers,
    states,
)
from firewalld_py.imports.save_file import SavedRule, Word
from firewalld_py.policy import packet_values
from firewalld_py.policy.errors import Fault
from firewalld_py.policy.matches_packet import DSCP_CLASSES
from firewalld_py.policy.names import ICMP, ICMPV6, PROTOCOLS, STATES, SYN_MASK

MAX_SCATTERED: Final = 8  # bits of a mask with gaps that are written out as ranges


# What would do for matches that the language does not have.
ADVICE: Final = {
    "addrtype": "name the addresses themselves: dst: [...]",
    "set": "write the addresses of the set into define: and ask for src: $name",
    "physdev": "match the bridge itself with in: or out:",
    "helper": "connections that a helper expects are state: related",
    "conntrack": "of connection tracking the language asks for the state, marks and labels",
}


class Ruling:
    """One rule while it is read: what it asks for, its target, and what cannot be expressed."""

    def __init__(self, family: int, table: str, rule: SavedRule) -> None:
        self.family = family
        self.table = table
        self.rule = rule
        self.alternatives: list[Conditions] = [{}]
        self.name = ""
        self.limit: tuple[str, int] | None = None
        self.asks_after_limit = False
        self.target = ""
        self.goes = False  # -g: it does not come back to this chain
        self.options: dict[str, list[str]] = {}
        self.faults: list[NotExpressible] = []
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        """Tell above the rule what was changed."""
        if text not in self.notes:
            self.notes.append(text)

    def ask(self, alternatives: Iterable[Conditions]) -> None:
        """Conjoin with alternatives of which no two match the same packet."""
        choices = list(alternatives)
        self.alternatives = [
            both
            for own in self.alternatives
            for choice in choices
            if (both := conjoined(own, choice)) is not None
        ]
        if len(self.alternatives) > MAX_ALTERNATIVES:
            raise NotExpressible("it would become too many rules")

    def ask_for(self, conditions: Conditions, *, negated: bool) -> None:
        """Conjoin with the conditions or their inverse."""
        self.ask(all_others([conditions]) if negated else [conditions])


Reader = Callable[[Ruling, bool, list[str]], None]


class Option(NamedTuple):
    """How many words follow an option, and what it does to the rule."""

    words: int
    read: Reader


def _protocol(ruling: Ruling, negated: bool, words: list[str]) -> None:
    text = words[0].lower()
    number = PROTOCOLS.get(text, -1)
    if text.isdecimal():
        number = int(text)
    elif text == "all":
        number = 0
    elif number < 0:
        try:
            number = socket.getprotobyname(text)
        except OSError:
            raise NotExpressible(f"protocol {text} is unknown", "write its number") from None
    if number == 0:  # any protocol
        ruling.ask([] if negated else [{}])
        return
    ruling.ask_for({"proto": Numbers(((number, number),), 255)}, negated=negated)


def _interface(key: str) -> Reader:
    def read(ruling: Ruling, negated: bool, words: list[str]) -> None:
        pattern = words[0]
        if pattern == "+":
            ruling.ask([] if negated else [{}])
            return
        if pattern.endswith("+"):
            pattern = f"{pattern[:-1]}*"
        try:
            packet_values.interface(pattern)
        except Fault:
            pattern = ""
        if not pattern or words[0].endswith("*"):
            raise NotExpressible(f"the interface {words[0]} has no name that we can write")
        ruling.ask_for({key: Interface(pattern)}, negated=negated)

    return read


def _bits_of(family: int) -> int:
    return 32 if family == 4 else 128


def _address(key: str) -> Reader:
    def read(ruling: Ruling, negated: bool, words: list[str]) -> None:
        ranges = [span for text in words[0].split(",") for span in _network(ruling.family, text)]
        part = numbers(ranges, (1 << _bits_of(ruling.family)) - 1)
        if part.is_any():
            ruling.ask([] if negated else [{}])
        else:
            ruling.ask_for({key: part}, negated=negated)

    return read


def _network(family: int, text: str) -> list[tuple[int, int]]:
    """The ranges of ADDRESS, ADDRESS/LENGTH or ADDRESS/MASK; a mask may have gaps."""
    bits = _bits_of(family)
    base_text, _, mask_text = text.partition("/")
    base = _number(family, base_text)
    full = (1 << bits) - 1
    if mask_text.isdecimal() and int(mask_text) <= bits:
        mask = full ^ (full >> int(mask_text))
    else:
        mask = _number(family, mask_text) if mask_text else full
    open_bits = full & ~mask
    low_run = (open_bits ^ (open_bits + 1)) >> 1 if open_bits & 1 else 0
    gaps = [1 << bit for bit in range(bits) if open_bits & ~low_run & 1 << bit]
    if len(gaps) > MAX_SCATTERED:
        raise NotExpressible(f"the mask of {text} has gaps", "name the networks one by one")
    bases = [base & mask]
    for gap in gaps:
        bases += [start | gap for start in bases]
    return [(start, start | low_run) for start in bases]


def _number(family: int, text: str) -> int:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise NotExpressible(f"{text} is no address", "names are never resolved") from None
    if address.version != family:
        raise NotExpressible(f"{text} is no IPv{family} address")
    return int(address)


def _address_range(key: str) -> Reader:
    def read(ruling: Ruling, negated: bool, words: list[str]) -> None:
        first, _, last = words[0].partition("-")
        low = _number(ruling.family, first)
        high = _number(ruling.family, last or first)
        part = Numbers(((low, high),), (1 << _bits_of(ruling.family)) - 1)
        if part.is_any():
            ruling.ask([] if negated else [{}])
        else:
            ruling.ask_for({key: part}, negated=negated)

    return read


def _port_part(text: str) -> Numbers:
    ranges: list[tuple[int, int]] = []
    for item in text.split(","):
        low, colon, high = item.partition(":")
        first = _port(low or "0")
        ranges.append((first, _port(high or "65535") if colon else first))
    return numbers([span for span in ranges if span[0] <= span[1]], 65535)


def _port(text: str) -> int:
    try:
        return packet_values.port_range(text)[0]
    except Fault as fault:
        raise NotExpressible(fault.message, "write the port's number") from None


def _ports(key: str) -> Reader:
    def read(ruling: Ruling, negated: bool, words: list[str]) -> None:
        part = _port_part(words[0])
        if not part.ranges or part.is_any():
            ruling.ask([{}] if bool(part.ranges) != negated else [])
        else:
            ruling.ask_for({key: part}, negated=negated)

    return read


def _either_port(ruling: Ruling, negated: bool, words: list[str]) -> None:
    """multiport's --ports: one of both. As alternatives: the source, or only the destination."""
    part = _port_part(words[0])
    if part.is_any():
        ruling.ask([] if negated else [{}])
        return
    (other,) = part.negated()
    if negated:
        ruling.ask([{"sport": other, "dport": other}])
    else:
        ruling.ask([{"sport": part}, {"sport": other, "dport": part}])


def _icmp(ruling: Ruling, negated: bool, words: list[str]) -> None:
    if words[0] in ("any", "255", "255/255") and ruling.family == 4:
        ruling.ask([] if negated else [{}])
        return
    try:
        _, kind, low, high = packet_values.icmp_type(ICMP if ruling.family == 4 else ICMPV6)(
            words[0]
        )
    except Fault as fault:
        raise NotExpressible(fault.message, "write the type's number") from None
    part = Numbers(((kind << 8 | low, kind << 8 | high),), 65535)
    ruling.ask_for({"icmp": part}, negated=negated)


def _state(ruling: Ruling, negated: bool, words: list[str]) -> None:
    if ruling.table == "raw":
        raise NotExpressible("the state is not known in raw, which comes before tracking")
    order = list(STATES)
    wanted: list[tuple[int, int]] = []
    for name in words[0].split(","):
        if name.lower() not in order:
            raise NotExpressible(
                f"there is no state {name}: addresses are translated by the kernel, not by us"
            )
        place = order.index(name.lower())
        wanted.append((place, place))
    part = numbers(wanted, STATE_TOP)
    if part.is_any():
        ruling.ask([] if negated else [{}])
    else:
        ruling.ask_for({"state": part}, negated=negated)


def _syn(ruling: Ruling, negated: bool, words: list[str]) -> None:  # noqa: ARG001
    _ask_bits(ruling, "tcp_flags", (0x02, SYN_MASK), negated=negated)


def _tcp_flags(ruling: Ruling, negated: bool, words: list[str]) -> None:
    try:
        # Not packet_values.tcp_flags(): what can never match is right in iptables.
        mask, value = (
            sum({packet_values.tcp_flag(name) for name in text.split(",")}) for text in words
        )
    except Fault as fault:
        raise NotExpressible(fault.message) from None
    _ask_bits(ruling, "tcp_flags", (value, mask), negated=negated)


def _mark_pair(text: str) -> tuple[int, int]:
    value_text, slash, mask_text = text.partition("/")
    try:
        value = int(value_text, 0)
        return value, int(mask_text, 0) if slash else 0xFFFFFFFF
    except ValueError:
        raise NotExpressible(f"{text} is no mark") from None


def _mark(key: str) -> Reader:
    def read(ruling: Ruling, negated: bool, words: list[str]) -> None:
        pair = _mark_pair(words[0])
        if key == "connmark":
            if ruling.table == "raw":
                raise NotExpressible("the connection is not known in raw")
            if pair[0] & ~pair[1] or not pair[1]:
                ruling.ask([states(TRACKED)])  # what has no connection is not asked
        _ask_bits(ruling, key, pair, negated=negated)

    return read


def _ask_bits(ruling: Ruling, key: str, pair: tuple[int, int], *, negated: bool) -> None:
    value, mask = pair
    if value & ~mask:  # never met
        ruling.ask([{}] if negated else [])
    elif not mask:
        ruling.ask([] if negated else [{}])
    else:
        ruling.ask([{key: Bits((0, 0), (pair,)) if negated else Bits(pair)}])


def _label(ruling: Ruling, negated: bool, words: list[str]) -> None:
    if ruling.table == "raw":
        raise NotExpressible("the connection is not known in raw")
    if not re.fullmatch("[0-9]{1,3}", words[0]) or int(words[0]) > 127:
        raise NotExpressible(f"the label {words[0]} is known by its name only", "write its number")
    bit = 1 << int(words[0])
    # As xt_connlabel.c: a packet without a connection meets the inverse.
    ruling.ask_for({"label": Bits((bit, bit))}, negated=negated)


def _length(ruling: Ruling, negated: bool, words: list[str]) -> None:
    low, colon, high = words[0].partition(":")
    first = _whole(low or "0")
    last = _whole(high or "65535") if colon else first
    _ask_numbers(ruling, "length", (first, last), 65535, negated=negated)


def _hops(compare: str) -> Reader:
    def read(ruling: Ruling, negated: bool, words: list[str]) -> None:
        if ruling.table == "raw":
            raise NotExpressible("we see packets on their way out: one hop is gone already")
        number = _whole(words[0])
        span = {"eq": (number, number), "lt": (0, number - 1), "gt": (number + 1, 255)}[compare]
        _ask_numbers(ruling, "ttl", span, 255, negated=negated)

    return read


def _dscp(ruling: Ruling, negated: bool, words: list[str]) -> None:
    number = DSCP_CLASSES.get(words[0].lower(), -1)
    number = _whole(words[0]) if number < 0 else number
    _ask_numbers(ruling, "dscp", (number, number), 63, negated=negated)


def _tos(ruling: Ruling, negated: bool, words: list[str]) -> None:
    value, slash, mask = words[0].partition("/")
    pair = (_whole(value), _whole(mask) if slash else 0xFF)
    _ask_bits(ruling, "tos", pair, negated=negated)


def _tcp_option(ruling: Ruling, negated: bool, words: list[str]) -> None:
    bit = 1 << min(_whole(words[0]), 256)
    if not 1 < bit < 1 << 256:
        raise NotExpressible(f"there is no TCP option {words[0]}")
    ruling.ask_for({"tcp_option": Bits((bit, bit))}, negated=negated)


def _whole(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise NotExpressible(f"{text} is no number") from None


def _ask_numbers(
    ruling: Ruling, key: str, span: tuple[int, int], top: int, *, negated: bool
) -> None:
    low, high = max(span[0], 0), min(span[1], top)
    if low > high or (low, high) == (0, top):
        ruling.ask([{}] if (low > high) == negated else [])
    else:
        ruling.ask_for({key: Numbers(((low, high),), top)}, negated=negated)


def _comment(ruling: Ruling, negated: bool, words: list[str]) -> None:  # noqa: ARG001
    ruling.name = words[0]


def _limit_rate(ruling: Ruling, negated: bool, words: list[str]) -> None:
    found = re.fullmatch(r"([0-9]+)(?:/(s|m|h|d)[a-z]*)?", words[0])
    if negated or found is None:
        raise NotExpressible(f"the limit {words[0]} cannot be read")
    units = {"s": "second", "m": "minute", "h": "hour", "d": "day"}
    burst = ruling.limit[1] if ruling.limit else 5  # as iptables
    ruling.limit = (f"{int(found[1])}/{units[found[2] or 's']}", burst)


def _limit_burst(ruling: Ruling, negated: bool, words: list[str]) -> None:  # noqa: ARG001
    rate = ruling.limit[0] if ruling.limit else "3/hour"  # as iptables
    ruling.limit = (rate, int(words[0]))


_PORTS: Final = {
    **dict.fromkeys(("--sport", "--source-port"), Option(1, _ports("sport"))),
    **dict.fromkeys(("--dport", "--destination-port"), Option(1, _ports("dport"))),
}
# The options that need no match before them.
BASIC: Final[dict[str, Option]] = {
    **dict.fromkeys(("-p", "--protocol", "--proto"), Option(1, _protocol)),
    **dict.fromkeys(("-i", "--in-interface"), Option(1, _interface("in"))),
    **dict.fromkeys(("-o", "--out-interface"), Option(1, _interface("out"))),
    **dict.fromkeys(("-s", "--source", "--src"), Option(1, _address("src"))),
    **dict.fromkeys(("-d", "--destination", "--dst"), Option(1, _address("dst"))),
}
# Those of each match.
MATCHES: Final[dict[str, dict[str, Option]]] = {
    "tcp": {
        **_PORTS,
        "--syn": Option(0, _syn),
        "--tcp-flags": Option(2, _tcp_flags),
        "--tcp-option": Option(1, _tcp_option),
    },
    "udp": _PORTS,
    "udplite": _PORTS,
    "sctp": _PORTS,
    "dccp": _PORTS,
    "multiport": {
        **dict.fromkeys(("--sports", "--source-ports"), Option(1, _ports("sport"))),
        **dict.fromkeys(("--dports", "--destination-ports"), Option(1, _ports("dport"))),
        "--ports": Option(1, _either_port),
    },
    "iprange": {
        "--src-range": Option(1, _address_range("src")),
        "--dst-range": Option(1, _address_range("dst")),
    },
    "icmp": {"--icmp-type": Option(1, _icmp)},
    "icmp6": {"--icmpv6-type": Option(1, _icmp)},
    "state": {"--state": Option(1, _state)},
    "conntrack": {"--ctstate": Option(1, _state)},
    "length": {"--length": Option(1, _length)},
    "ttl": {f"--ttl-{how}": Option(1, _hops(how)) for how in ("eq", "lt", "gt")},
    "hl": {f"--hl-{how}": Option(1, _hops(how)) for how in ("eq", "lt", "gt")},
    "dscp": dict.fromkeys(("--dscp", "--dscp-class"), Option(1, _dscp)),
    "tos": {"--tos": Option(1, _tos)},
    "mark": {"--mark": Option(1, _mark("mark"))},
    "connmark": {"--mark": Option(1, _mark("connmark"))},
    "connlabel": {"--label": Option(1, _label)},
    "comment": {"--comment": Option(1, _comment)},
    "limit": {"--limit": Option(1, _limit_rate), "--limit-burst": Option(1, _limit_burst)},
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
            NotExpressible(f"the language has no match {match}", ADVICE.get(match, ""))
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

"""Lists of addresses that were seen of late: the condition, the actions, and what a list is.

How large a list is and of which bits of addresses is said once, in any of the rules that name it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, cast

from firewalld_py.policy.errors import Fault, nearest, quoted
from firewalld_py.policy.keys import Key, Reading, Reported, Table, one
from firewalld_py.policy.matches_connlimit import SIDE, mask_keys
from firewalld_py.policy.model import Chain, Match, Recent, Rule, Target
from firewalld_py.policy.nodes import Mapping, Node
from firewalld_py.policy.shapes import Keys, Text, reads
from firewalld_py.policy.values import DURATION, duration, named, truth, whole_number

MAX_HITS: Final = 255
MAX_WITHIN_S: Final = 10 * 365 * 86400
ADDRESSES: Final = 10_000
MAX_ADDRESSES: Final = 1_000_000
MAX_LISTS: Final = 256
MAX_COUNTERS: Final = 1000
MAX_NAME: Final = 64  # characters
NAME: Final = f"a name of at most {MAX_NAME} characters without space, comma, $ or /"
FORM: Final = "a list's name, or {list, of, within, hits, update, ...}"
ACTION_FORM: Final = "a list's name, or {list, of, mask, mask6, max}"
_UNFIT: Final = frozenset("/,$")
_TRUTH: Final = one(truth, "true or false")


@reads(Text(rf"^[^\s/,$]{{1,{MAX_NAME}}}$", plain=True))
def plain_name(text: str) -> str:
    """A name of the writer's own, for a list or a counter."""
    fit = 0 < len(text) <= MAX_NAME and text.isprintable() and not any(map(str.isspace, text))
    if not fit or _UNFIT & set(text):
        raise Fault(f"expected {NAME}, found {quoted(text)}")
    return text


_LIST_KEYS: Final = (
    Key(
        "list",
        one(plain_name, NAME),
        NAME,
        "which list; rules of any chain may use it",
        required="name the list, as {list: ssh}",
        also=("name",),
    ),
    Key(
        "of",
        one(named({"src": 0, "dst": 1}, SIDE), SIDE),
        SIDE,
        "the packet's source or destination address",
        default="src",
        also=("per", "rsource", "rdest", "side"),
    ),
    *mask_keys("one entry for a network; the same in all rules that name the list"),
    Key(
        "max",
        one(whole_number(1, MAX_ADDRESSES), "a number"),
        f"a number from 1 to {MAX_ADDRESSES}",
        "so many addresses are in the list at most; then the one that was seen longest ago is "
        "forgotten. The same in all rules that name the list",
        default=ADDRESSES,
        also=("ip_list_tot", "size"),
    ),
)
_RECENT: Final = Table(
    "recent",
    (
        *_LIST_KEYS,
        Key(
            "within",
            one(duration(1, MAX_WITHIN_S), DURATION),
            DURATION,
            "what was seen longer ago does not count; without it, any time counts",
            also=("seconds",),
        ),
        Key(
            "hits",
            one(whole_number(1, MAX_HITS), "a number"),
            f"a number from 1 to {MAX_HITS}",
            "how often it was seen, at least",
            default=1,
            also=("hitcount", "hit_count", "times"),
        ),
        Key(
            "update",
            _TRUTH,
            "true or false",
            "where the condition is met, note that the address was seen once more",
            default=False,
        ),
        Key(
            "remove",
            _TRUTH,
            "true or false",
            "met by what is in the list, and takes it out",
            default=False,
        ),
        Key(
            "same_ttl",
            _TRUTH,
            "true or false",
            "only if the TTL is that of the packet that was seen last, against forged addresses",
            default=False,
            also=("rttl", "ttl"),
        ),
        Key(
            "reap",
            _TRUTH,
            "true or false",
            "forget the address that was seen longest ago, if that is longer ago than within",
            default=False,
        ),
    ),
)
_OF_ACTION: Final = Table("a list", _LIST_KEYS)


def _recent(table: Table, node: Node, reading: Reading) -> Recent:
    if not isinstance(node, Mapping):
        return Recent(cast("str", one(plain_name, FORM)(node, reading)))
    read = table.read(node, reading)
    if len(read) < len(node.entries) or "list" not in read:
        raise Reported
    return Recent(
        cast("str", read["list"]),
        read.get("of", 0) == 1,
        cast("int", read.get("within", 0)),
        cast("int", read.get("hits", 1)),
        bool(read.get("update")),
        bool(read.get("remove")),
        bool(read.get("same_ttl")),
        bool(read.get("reap")),
        cast("int | None", read.get("mask")),
        cast("int | None", read.get("mask6")),
        cast("int | None", read.get("max")),
    )


@reads(Text(plain=True), Keys(_RECENT))
def read_recent(node: Node, reading: Reading) -> Recent:
    """The value of the condition. Raises Fault or Reported."""
    recent = _recent(_RECENT, node, reading)
    if recent.remove:
        for name in ("within", "hits", "update", "same_ttl", "reap"):
            if isinstance(node, Mapping) and name in node.entries:
                raise Fault(f"remove takes out what is in the list, {name} or not: leave one out")
    if recent.reap and not recent.within_s:
        raise Fault("reap needs within, as {within: 60s, reap: true}")
    return recent


@reads(Text(plain=True), Keys(_OF_ACTION))
def read_recent_action(node: Node, reading: Reading) -> Recent:
    """The value of one of the actions. Raises Fault or Reported."""
    return _recent(_OF_ACTION, node, reading)


RECENT_KEYS: Final = (
    Key(
        "recent",
        read_recent,
        FORM,
        "the packet's address is in a list of those that rules have seen (action recent_set), "
        "and was seen so often of late. Each worker has its own lists; they outlive a reload",
        example="{dport: 22, recent: {list: ssh, within: 60s, hits: 4}, action: drop}",
    ),
)
RECENT_ACTIONS: Final = (
    Key(
        "recent_set",
        read_recent_action,
        ACTION_FORM,
        "note in a list that the packet's address was seen, and go on",
        also=("recent", "remember"),
        example="{flags: syn, dport: 22, action: [{recent_set: ssh}, accept]}",
    ),
    Key(
        "recent_remove",
        read_recent_action,
        ACTION_FORM,
        "take the packet's address out of a list, and go on",
        also=("forget",),
        example="{dport: 7003, action: [{recent_remove: ssh}, drop]}",
    ),
)
RECENT_TARGETS: Final = tuple(key.name for key in RECENT_ACTIONS)


@dataclass(slots=True)
class Size:
    """What the rules say of a list: the bits of addresses, how many of these, how many times."""

    mask: int | None = None
    mask6: int | None = None
    max: int | None = None
    hits: int = 1


def sizes_of(chains: Iterable[Chain]) -> dict[str, Size]:
    """The lists that the rules name; what none says is None."""
    sizes: dict[str, Size] = {}
    for _rule, _place, recent in uses(chains):
        size = sizes.setdefault(recent.list, Size())
        size.mask = recent.mask if size.mask is None else size.mask
        size.mask6 = recent.mask6 if size.mask6 is None else size.mask6
        size.max = recent.max if size.max is None else size.max
        size.hits = max(size.hits, recent.hits)
    return sizes


def uses(chains: Iterable[Chain]) -> Iterator[tuple[Rule, Match | Target, Recent]]:
    """Where rules name a list: in a condition or in an action."""
    for chain in chains:
        for rule in chain.rules:
            for match in rule.matches:
                if isinstance(match.value, Recent):
                    yield rule, match, match.value
            for target in rule.action.targets:
                if isinstance(target.value, Recent):
                    yield rule, target, target.value


def check_lists(chains: Sequence[Chain]) -> Iterator[tuple[Rule, int, int, str, str]]:
    """What is wrong with lists: the rule, line, column, what it is, and what may have been meant.

    One that is asked for and that nobody fills, rules that disagree about what a list is, and more
    lists or counters than there may be.
    """
    yield from _too_many(chains)
    found = list(uses(chains))
    filled = {use.list for _, place, use in found if _fills(place)}
    first: dict[tuple[str, str], tuple[object, int]] = {}
    for rule, place, use in found:
        line, column = _place(rule, place)
        if use.list not in filled:
            near = nearest(use.list, filled)
            message = f"no rule has {{recent_set: {use.list}}}: nothing is ever in the list"
            yield rule, line, column, message, near
        for name in ("mask", "mask6", "max"):
            value = getattr(use, name)
            if value is None:
                continue
            before, its_line = first.setdefault((use.list, name), (value, line))
            if before != value:
                message = f"{name} of the list {quoted(use.list)} is {before} in line {its_line}"
                yield rule, line, column, f"{message}, and {value} here", ""


def _too_many(chains: Iterable[Chain]) -> Iterator[tuple[Rule, int, int, str, str]]:
    lists: dict[str, tuple[Rule, int, int]] = {}
    counters: dict[str, tuple[Rule, int, int]] = {}
    for rule, place, use in uses(chains):
        lists.setdefault(use.list, (rule, *_place(rule, place)))
    for rule in (rule for chain in chains for rule in chain.rules):
        for target in rule.action.targets:
            if target.kind == "count":
                counters.setdefault(str(target.value), (rule, rule.line, rule.column))
    for found, most, what in ((lists, MAX_LISTS, "lists"), (counters, MAX_COUNTERS, "counters")):
        for at in list(found.values())[most : most + 1]:
            yield (*at, f"more than {most} {what}", "")


def _place(rule: Rule, place: Match | Target) -> tuple[int, int]:
    """Line and column."""
    return (place.line, place.column) if isinstance(place, Match) else (rule.line, rule.column)


def _fills(place: Match | Target) -> bool:
    return isinstance(place, Target) and place.kind == "recent_set"


def encode_list(recent: Recent, sizes: dict[str, Size]) -> list[object]:
    """A list as the plan has it: name, masks, how many addresses, how many times of each."""
    size = sizes[recent.list]
    return [
        recent.list,
        32 if size.mask is None else size.mask,
        128 if size.mask6 is None else size.mask6,
        ADDRESSES if size.max is None else size.max,
        size.hits,
    ]


def encode_recent(recent: Recent, sizes: dict[str, Size]) -> list[object]:
    """The condition as the plan has it."""
    return [
        encode_list(recent, sizes),
        recent.of_destination,
        recent.within_s,
        recent.hits,
        recent.update,
        recent.remove,
        recent.same_ttl,
        recent.reap,
    ]

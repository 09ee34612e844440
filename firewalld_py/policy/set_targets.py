"""What rules do with sets: `add:` and `remove:` among their actions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from firewalld_py.policy.errors import Fault
from firewalld_py.policy.keys import Key, Reading, Table, one
from firewalld_py.policy.model import SetTarget
from firewalld_py.policy.nodes import Mapping, Node, found
from firewalld_py.policy.set_uses import NAME_FORM, checked, of_key, set_name, whole
from firewalld_py.policy.shapes import Keys, reads
from firewalld_py.policy.values import DURATION, duration

MAX_LIFETIME_S: Final = 3650 * 86400  # ten years

_SET: Final = Key("set", set_name, NAME_FORM, "the set that is changed", required="name the set")
_FOR: Final = Key(
    "for",
    one(duration(0, MAX_LIFETIME_S), DURATION),
    f"{DURATION}, or 0 for ever",
    "how long the element stays; one that is there already stays at least so long. Without it, the "
    "set's lifetime",
    also=("timeout", "lifetime"),
)
_ADD: Final = Table("add", (_SET, of_key("what of the packet is added"), _FOR))
_REMOVE: Final = Table("remove", (_SET, of_key("what of the packet is removed")))


def _target(table: Table, form: str) -> Callable[[Node, Reading], SetTarget]:
    @reads(Keys(table))
    def read_target(node: Node, reading: Reading) -> SetTarget:
        if not isinstance(node, Mapping):
            raise Fault(f"expected {form}, found {found(node)}")
        read = whole(table, ("set", "of"), node, reading)
        name, of = checked(cast("str", read["set"]), node, read, reading)
        return SetTarget(name, of, cast("int | None", read.get("for")))

    return read_target


ADD_FORM: Final = "{add: {set: NAME, of: PARTS, for: DURATION}}"
REMOVE_FORM: Final = "{remove: {set: NAME, of: PARTS}}"
TARGET_KEYS: Final = (
    Key(
        "add",
        _target(_ADD, "{set: NAME, of: PARTS, for: DURATION}"),
        "{set: NAME, of: PARTS, for: DURATION}",
        "put what is named of the packet into a set, for a time, and go on; where the set is full "
        "it stays as it is",
        also=("add-set", "add_set", "ban"),
        example="{dport: 23, action: [{add: {set: blocked, of: src, for: 10m}}, drop]}",
    ),
    Key(
        "remove",
        _target(_REMOVE, "{set: NAME, of: PARTS}"),
        "{set: NAME, of: PARTS}",
        "take what is named of the packet out of a set, and go on; what the rule file says is in "
        "the set stays in it",
        also=("del-set", "del_set", "delete", "unban"),
        example="{in: lan0, dport: 22, action: {remove: {set: blocked, of: src}}}",
    ),
)

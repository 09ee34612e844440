"""What a rule may do with marks: `mark:` and `connmark:` of an action."""

from __future__ import annotations

from typing import Final, cast

from firewalld_py.policy import packet_values
from firewalld_py.policy.errors import Fault, nearest, quoted
from firewalld_py.policy.keys import Key, Reading, Reported, Table, one
from firewalld_py.policy.model import Mark, MarkCopy, Target
from firewalld_py.policy.nodes import Mapping, Node, Scalar, found
from firewalld_py.policy.shapes import AnyOf, Choice, Keys, reads, shape_of

ALL_BITS: Final = 0xFFFFFFFF
BITS: Final = "bits as a number (0x10, 16)"
MASK: Final = "a mask (0xff), or {nfmask: MASK, ctmask: MASK}"
MARK_FORM: Final = f"{packet_values.MARK}, or {{set|or|and|xor: ...}}"
CONNMARK_FORM: Final = f"{MARK_FORM}, save, restore, or {{save|restore: MASK}}"


@reads(shape_of(packet_values.mark))
def _set(text: str) -> Mark:
    return Mark(*packet_values.mark(text))


@reads(shape_of(packet_values.mark))
def _bits(text: str) -> int:
    if "/" in text:
        raise Fault(
            f"expected {BITS}, without a mask, found {quoted(text)}", text.split("/", maxsplit=1)[0]
        )
    return packet_values.mark(text)[0]


@reads(shape_of(_bits))
def _or(text: str) -> Mark:
    bits = _bits(text)
    return Mark(bits, bits, "or")


@reads(shape_of(_bits))
def _and(text: str) -> Mark:
    return Mark(0, ALL_BITS ^ _bits(text), "and")


@reads(shape_of(_bits))
def _xor(text: str) -> Mark:
    return Mark(_bits(text), 0, "xor")


_MASKS: Final = Table(
    "the masks",
    (
        Key(
            "nfmask",
            one(_bits, BITS),
            BITS,
            "the bits of the packet's mark that are read (save) or replaced (restore)",
            default=ALL_BITS,
        ),
        Key(
            "ctmask",
            one(_bits, BITS),
            BITS,
            "the bits of the connection's mark that are replaced (save) or read (restore)",
            default=ALL_BITS,
        ),
    ),
)


@reads(AnyOf((shape_of(_bits), Keys(_MASKS, filled=True))))
def _masks(node: Node, reading: Reading) -> MarkCopy:
    if not isinstance(node, Mapping):
        mask = cast("int", one(_bits, MASK)(node, reading))
        return MarkCopy(mask, mask)
    if not node.entries:
        raise Fault(f"expected {MASK}, found {found(node)}")
    read = cast("dict[str, int]", _MASKS.read(node, reading))
    if len(read) < len(node.entries):
        raise Reported
    return MarkCopy(read.get("nfmask", ALL_BITS), read.get("ctmask", ALL_BITS))


_WAYS: Final = (
    Key(
        "set",
        one(_set, packet_values.MARK),
        packet_values.MARK,
        "these bits in place of those in the mask",
    ),
    Key("or", one(_or, BITS), BITS, "set these bits"),
    Key("and", one(_and, BITS), BITS, "clear all bits but these"),
    Key("xor", one(_xor, BITS), BITS, "turn these bits round"),
)
_MARK: Final = Table("mark", _WAYS)
_CONNMARK: Final = Table(
    "connmark",
    (
        *_WAYS,
        Key(
            "save",
            _masks,
            MASK,
            "the bits of the packet's mark in place of the connection's",
        ),
        Key(
            "restore",
            _masks,
            MASK,
            "the bits of the connection's mark in place of the packet's",
        ),
    ),
)
_COPIES: Final = ("save", "restore")


def _one_way(table: Table, node: Mapping, reading: Reading) -> tuple[str, Mark | MarkCopy]:
    """What stands under the one key of a mapping."""
    if len(node.entries) != 1:
        names = ", ".join(key.name for key in table)
        raise Fault(f"expected one of {names}: write several actions as a list")
    read = cast("dict[str, Mark | MarkCopy]", table.read(node, reading))
    if not read:
        raise Reported
    ((way, value),) = read.items()
    return way, value


@reads(AnyOf((shape_of(_set), Keys(_MARK, single=True))))
def read_mark(node: Node, reading: Reading) -> Target:
    """The value of `mark:`. Raises Fault or Reported."""
    if isinstance(node, Mapping):
        return Target("mark", _one_way(_MARK, node, reading)[1])
    return Target("mark", cast("Mark", one(_set, MARK_FORM)(node, reading)))


@reads(AnyOf((Choice(_COPIES), shape_of(_set), Keys(_CONNMARK, single=True))))
def read_connmark(node: Node, reading: Reading) -> Target:
    """The value of `connmark:`. Raises Fault or Reported."""
    if isinstance(node, Mapping):
        way, value = _one_way(_CONNMARK, node, reading)
        return Target(f"connmark_{way}" if way in _COPIES else "connmark", value)
    if isinstance(node, Scalar) and node.text in _COPIES:
        return Target(f"connmark_{node.text}", MarkCopy(ALL_BITS, ALL_BITS))
    if isinstance(node, Scalar) and (near := nearest(node.text, _COPIES)):
        raise Fault(f"expected {CONNMARK_FORM}, found {quoted(node.text)}", near)
    return Target("connmark", cast("Mark", one(_set, CONNMARK_FORM)(node, reading)))

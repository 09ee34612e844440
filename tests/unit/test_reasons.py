"""Every reason has one number and one word, and the word is the constant's own name."""

from __future__ import annotations

from firewalld_py.packet import reasons

CONSTANTS = {
    name: value
    for name, value in vars(reasons).items()
    if name.isupper() and isinstance(value, int)
}


def test_each_number_is_named_by_its_constant() -> None:
    named = {name.lower(): value for name, value in CONSTANTS.items()}
    assert named == {name: number for number, name in enumerate(reasons.REASON_NAMES)}


def test_no_number_is_used_twice() -> None:
    assert len(set(CONSTANTS.values())) == len(CONSTANTS)

"""From a plan's values to targets."""

from __future__ import annotations

from typing import Any

import pytest

from firewalld_py.policy.targets import KINDS
from firewalld_py.rules.build_memory import REMEMBERING_TARGETS
from firewalld_py.rules.build_sets import SET_TARGETS
from firewalld_py.rules.build_targets import TARGETS
from firewalld_py.rules.targets import (
    ConnmarkRestoreTarget,
    ConnmarkSaveTarget,
    ConnmarkTarget,
    LabelTarget,
    MarkTarget,
)


def test_each_kind_makes_its_target() -> None:
    mark, connmark, label = (
        TARGETS["mark"]([1, 0xFF]),
        TARGETS["connmark"]([2, 0xFF00]),
        TARGETS["label"]([0, 127]),
    )
    assert isinstance(mark, MarkTarget)
    assert (mark.value, mark.mask) == (1, 0xFF)
    assert isinstance(connmark, ConnmarkTarget)
    assert (connmark.value, connmark.mask) == (2, 0xFF00)
    assert isinstance(label, LabelTarget)
    assert label.labels == 1 | 1 << 127


def test_copying_a_mark_has_two_masks() -> None:
    save, restore = TARGETS["connmark_save"]([1, 2]), TARGETS["connmark_restore"]([3, 4])
    assert isinstance(save, ConnmarkSaveTarget)
    assert (save.nfmask, save.ctmask) == (1, 2)
    assert isinstance(restore, ConnmarkRestoreTarget)
    assert (restore.nfmask, restore.ctmask) == (3, 4)


def test_every_kind_of_the_language_can_be_built() -> None:
    assert {*TARGETS, *REMEMBERING_TARGETS, *SET_TARGETS} == KINDS.keys()


@pytest.mark.parametrize(
    ("kind", "value"), [("mark", [1]), ("mark", ["x", 1]), ("connmark", 7), ("label", ["a"])]
)
def test_a_value_that_no_compiler_makes_is_refused(kind: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        TARGETS[kind](value)

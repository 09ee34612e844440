"""From a plan's values to targets: a builder for each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from firewalld_py.rules.build_matches import bits
from firewalld_py.rules.targets import (
    ConnmarkRestoreTarget,
    ConnmarkSaveTarget,
    ConnmarkTarget,
    LabelTarget,
    MarkTarget,
    Target,
)

Builder = Callable[[Any], Target]


def _mark(value: Any) -> Target:
    mark, mask = value
    return MarkTarget(int(mark), int(mask))


def _connmark(value: Any) -> Target:
    mark, mask = value
    return ConnmarkTarget(int(mark), int(mask))


def _connmark_save(value: Any) -> Target:
    nfmask, ctmask = value
    return ConnmarkSaveTarget(int(nfmask), int(ctmask))


def _connmark_restore(value: Any) -> Target:
    nfmask, ctmask = value
    return ConnmarkRestoreTarget(int(nfmask), int(ctmask))


def _label(value: Any) -> Target:
    return LabelTarget(bits(value))


# Raises TypeError or ValueError for a value that policy/compile.py does not make.
TARGETS: Final[dict[str, Builder]] = {
    "mark": _mark,
    "connmark": _connmark,
    "connmark_save": _connmark_save,
    "connmark_restore": _connmark_restore,
    "label": _label,
}

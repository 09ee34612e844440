"""The import of source files although compiled modules of the same name stand beside them."""

from __future__ import annotations

from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType


class SourceFirst:
    """Finds the modules below one package as .py files; leaves every other import alone.

    Python itself prefers a compiled module over a source file of the same directory, so this finder
    has to stand first in `sys.meta_path`.
    """

    def __init__(self, package: str) -> None:
        self._prefix = package + "."
        self._finders: dict[str, FileFinder] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of the source file, or None when it is not ours or has no source."""
        if path is None or not fullname.startswith(self._prefix):
            return None
        for directory in path:
            finder = self._finders.get(directory)
            if finder is None:
                finder = FileFinder(directory, (SourceFileLoader, SOURCE_SUFFIXES))
                self._finders[directory] = finder
            spec = finder.find_spec(fullname, target)
            if spec is not None:
                return spec
        return None

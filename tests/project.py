"""Where the parts of this project lie, for tests about the project itself."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final, Protocol, cast

ROOT: Final = Path(__file__).resolve().parent.parent
STAMPS: Final = ROOT / ".stamps"


class Setup(Protocol):
    """What the tests use of setup.py."""

    GROUP: str

    def core_sources(self) -> list[str]:
        """The source files of the core, as paths relative to the project, sorted."""

    def compiled_sources(self) -> list[str]:
        """All source files to compile, likewise."""

    def fingerprint(self) -> str:
        """A digest of all that the compiled core is made from."""


def load_setup() -> Setup:
    """The module setup.py, which knows what is compiled; loading it builds nothing."""
    spec = importlib.util.spec_from_file_location("firewalld_py_setup", ROOT / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return cast("Setup", module)


def module_name(path: str) -> str:
    """The dotted name of a source file given by its path relative to the project."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

"""Imports go one way, and the core knows nothing of the world outside."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import pytest

from tests.project import ROOT, load_setup, module_name

# Each layer may import itself and those before it.
LAYERS: Final = ("packet", "conntrack", "rules", "pipeline", "policy", "imports", "service", "cli")
# The core is a function of (bytes, now): no clock, no I/O, no log, and nothing slow.
FOREIGN_TO_CORE: Final = {
    *(
        "asyncio",
        "datetime",
        "io",
        "logging",
        "multiprocessing",
        "os",
        "pathlib",
        "random",
        "scapy",
    ),
    *("select", "socket", "subprocess", "systemd", "threading", "time", "yaml"),
}
# All that the rules may know of connections.
CONNTRACK_FOR_RULES: Final = "firewalld_py.conntrack.connection"

SOURCES: Final = sorted(
    str(path.relative_to(ROOT)) for path in (ROOT / "firewalld_py").rglob("*.py")
)
CORE: Final = load_setup().core_sources()


def imported(source: str, module: str, *, is_package: bool = False) -> set[str]:
    """The full names of what a module imports, anywhere in it: `from a import b` is a and a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = node.level - 1 if is_package else node.level
                parents = module.split(".")[: len(module.split(".")) - up]
                base = ".".join([*parents, base] if base else parents)
            names.add(base)
            names.update(f"{base}.{alias.name}" for alias in node.names)
    return names


def imports_of(path: str) -> set[str]:
    """The full names of what a source file of the package imports."""
    text = (ROOT / path).read_text()
    return imported(text, module_name(path), is_package=Path(path).name == "__init__.py")


def layer_of(name: str) -> str | None:
    """The layer that a dotted name belongs to; None for the root package and foreign names."""
    parts = name.split(".")
    ours = parts[0] == "firewalld_py" and len(parts) > 1
    return parts[1] if ours and parts[1] in LAYERS else None


@pytest.mark.parametrize("path", SOURCES)
def test_a_module_imports_only_its_own_layer_and_those_before_it(path: str) -> None:
    own = layer_of(module_name(path))
    allowed = LAYERS[: LAYERS.index(own) + 1] if own is not None else ()
    wrong = {name for name in imports_of(path) if layer_of(name) not in (None, *allowed)}
    assert not wrong, f"{path} must not import {sorted(wrong)}"


@pytest.mark.parametrize("path", CORE)
def test_the_core_imports_no_clock_no_io_and_no_log(path: str) -> None:
    wrong = {name for name in imports_of(path) if name.split(".")[0] in FOREIGN_TO_CORE}
    assert not wrong, f"{path} is core and must not import {sorted(wrong)}"


@pytest.mark.parametrize("path", [path for path in SOURCES if "/rules/" in path])
def test_the_rules_see_of_connection_tracking_only_the_connection(path: str) -> None:
    seen = {name for name in imports_of(path) if layer_of(name) == "conntrack"}
    wrong = {
        name
        for name in seen - {"firewalld_py.conntrack"}
        if not (name + ".").startswith(CONNTRACK_FOR_RULES + ".")
    }
    assert not wrong, f"{path} must not import {sorted(wrong)}"


def test_every_way_to_write_an_import_is_seen() -> None:
    source = (
        "import a.b\n"
        "from c import d\n"
        "def f():\n    from ..conntrack import table\n"
        "if x:\n    from . import y\n"
    )
    assert imported(source, "firewalld_py.rules.chain") == {
        "a.b", "c", "c.d", "firewalld_py.conntrack", "firewalld_py.conntrack.table",
        "firewalld_py.rules", "firewalld_py.rules.y",
    }  # fmt: skip
    assert imported("from . import y", "firewalld_py.rules", is_package=True) == {
        "firewalld_py.rules", "firewalld_py.rules.y"
    }  # fmt: skip

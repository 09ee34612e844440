"""Every module of the core has its twin here: a file of its name, which tests that module."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import pytest

from tests.project import ROOT, load_setup, module_name
from tests.unit.test_import_order import imported

HERE: Final = Path(__file__).parent
CORE: Final = load_setup().core_sources()
# Modules without a twin, each with the reason; none at present.
WITHOUT: Final[dict[str, str]] = {}


def twins(path: str) -> list[Path]:
    """Where the twin of a module may be: rules/build.py is tested by test_rules_build.py."""
    source = Path(path)
    return [
        HERE / f"test_{source.stem}.py",
        HERE / f"test_{source.parent.name}_{source.stem}.py",
    ]


def found_tests(path: Path, module: str) -> list[str]:
    """The names of the file's tests, if it imports the module; none if not."""
    text = path.read_text()
    names = imported(text, f"tests.unit.{path.stem}")
    if module not in names and not any(name.startswith(f"{module}.") for name in names):
        return []
    found = [node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    return [name for name in found if name.startswith("test_")]


@pytest.mark.parametrize("path", [path for path in CORE if path not in WITHOUT])
def test_a_module_of_the_core_has_its_twin(path: str) -> None:
    there = [twin for twin in twins(path) if twin.exists()]
    names = " or ".join(twin.name for twin in twins(path))
    assert there, f"{path} has no twin: write tests/unit/{names}"
    assert any(found_tests(twin, module_name(path)) for twin in there), (
        f"{names} tests nothing of {path}: it does not even import it"
    )


def test_the_exceptions_are_needed() -> None:
    for path, reason in WITHOUT.items():
        assert path in CORE, f"{path} is not in the core: strike it off the list"
        assert reason
        assert not any(twin.exists() for twin in twins(path)), f"{path} has a twin by now"


def test_the_core_is_all_of_these_packages() -> None:
    packages = ("packet", "conntrack", "rules")
    sources = {
        str(path.relative_to(ROOT))
        for package in packages
        for path in (ROOT / "firewalld_py" / package).rglob("*.py")
        if path.name != "__init__.py"
    }
    assert sources <= set(CORE)


def test_a_file_that_does_not_import_the_module_is_no_twin(tmp_path: Path) -> None:
    twin = tmp_path / "test_gre.py"
    module = "firewalld_py.conntrack.gre"
    twin.write_text("from firewalld_py.conntrack import udp\ndef test_a() -> None: ...\n")
    assert found_tests(twin, module) == []
    twin.write_text(f"import {module}\n")
    assert found_tests(twin, module) == []
    twin.write_text(f"from {module} import GreTracker\ndef test_a() -> None: ...\n")
    assert found_tests(twin, module) == ["test_a"]

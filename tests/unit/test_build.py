"""What is compiled is what setup.py lists, and FIREWALLD_PY_PURE=1 runs the very sources."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import firewalld_py
from tests.project import ROOT, load_setup, module_name

CORE = load_setup().compiled_sources()


def loaded_from(code: str, pure: str) -> list[str]:
    """The lines that a fresh interpreter prints, with FIREWALLD_PY_PURE set to `pure`."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "FIREWALLD_PY_PURE": pure},
    )
    return done.stdout.splitlines()


def test_the_core_is_what_the_design_says() -> None:
    packages = {Path(path).parent.as_posix() for path in CORE}
    assert {"firewalld_py/packet", "firewalld_py/conntrack", "firewalld_py/rules"} <= packages
    assert "firewalld_py/pipeline.py" in CORE
    assert not [path for path in CORE if path.endswith("__init__.py")]
    assert not [path for path in CORE if "/policy/" in path or "/cli/" in path]


@pytest.mark.parametrize("path", CORE)
def test_a_core_module_is_compiled_unless_the_sources_are_asked_for(path: str) -> None:
    module = importlib.import_module(module_name(path))
    assert module.__file__ is not None
    if firewalld_py.PURE:
        assert Path(module.__file__) == ROOT / path
    else:
        assert module.__file__.endswith(tuple(EXTENSION_SUFFIXES)), (
            "not compiled: run `make setup-core`, or set FIREWALLD_PY_PURE=1"
        )


def test_pure_runs_every_core_module_from_its_source() -> None:
    names = [module_name(path) for path in CORE]
    code = f"import importlib\nfor n in {names!r}: print(importlib.import_module(n).__file__)"
    assert loaded_from(code, pure="1") == [str(ROOT / path) for path in CORE]


@pytest.mark.parametrize("pure", ["", "0"])
def test_without_pure_the_import_system_is_left_alone(pure: str) -> None:
    code = (
        "import sys; before = list(sys.meta_path); import firewalld_py; "
        "print(sys.meta_path == before, 'firewalld_py._pure' in sys.modules, firewalld_py.PURE)"
    )
    assert loaded_from(code, pure) == ["True False False"]


def test_pure_leaves_other_packages_to_python() -> None:
    code = "import firewalld_py, yaml._yaml as c; print(c.__file__, firewalld_py.compiled())"
    (line,) = loaded_from(code, pure="1")
    file, compiled = line.split()
    assert file.endswith(tuple(EXTENSION_SUFFIXES))
    assert compiled == "False"


def test_no_compiled_module_outlives_its_source() -> None:
    setup = load_setup()
    known = {path.removesuffix(".py") for path in CORE}
    known.add(setup.GROUP.replace(".", "/") + "__mypyc")
    found = {
        str(binary.relative_to(ROOT)).split(".", 1)[0]
        for binary in (ROOT / "firewalld_py").rglob("*.so")
    }
    assert found <= known

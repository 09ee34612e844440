"""The package that docs/helpers.md explains: installed, loaded, tested; and what else it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from firewalld_py.conntrack.helpers.control_ports import CHILDREN_ONLY
from firewalld_py.conntrack.helpers.parameters import PARAMETER_DEFAULTS
from firewalld_py.conntrack.helpers.registry import READABLE
from firewalld_py.packet.protocols import IPPROTO_TCP, IPPROTO_UDP
from firewalld_py.service.plugins import load_helpers
from tests.distribution import pip_install
from tests.project import ROOT

EXAMPLE: Final = ROOT / "docs/examples/firewalld-py-rtsp"
PAGE: Final = (ROOT / "docs/helpers.md").read_text()
NAMES: Final = {IPPROTO_TCP: "TCP", IPPROTO_UDP: "UDP"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory into which the example was installed."""
    directory = tmp_path_factory.mktemp("site")
    pip_install(EXAMPLE, directory, tmp_path_factory.mktemp("build"))
    return directory


def test_it_is_found_by_its_entry_point_and_taken(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(site)
    reports: list[str] = []
    (helper,) = load_helpers(lambda _name, what: reports.append(what))
    assert (helper.name, reports) == ("rtsp", [])
    for name in [name for name in sys.modules if name.startswith("firewalld_py_rtsp")]:
        monkeypatch.delitem(sys.modules, name)


def test_its_own_tests_pass(site: Path, tmp_path: Path) -> None:
    path = os.pathsep.join([str(site), str(ROOT), os.environ.get("PYTHONPATH", "")])
    test = tmp_path / "test_rtsp.py"
    test.write_text((EXAMPLE / "test_rtsp.py").read_text())
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir"]
    done = subprocess.run(
        [*command, str(tmp_path), str(test)],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_page_shows_of_it_is_what_stands_there() -> None:
    sources = "\n".join(
        path.read_text() for path in sorted(EXAMPLE.rglob("*")) if path.suffix in (".py", ".toml")
    )
    shown = re.findall(r"```(?:python|toml)\n(.*?)```", PAGE, flags=re.DOTALL)
    assert shown
    for block in shown:
        for piece in block.split("# ...\n"):
            assert piece.strip("\n") in sources


def rows() -> dict[str, list[str]]:
    """The table of the built-in helpers: by name, the other cells."""
    found = {}
    for line in PAGE.splitlines():
        if match := re.fullmatch(r"\| `([A-Za-z0-9.-]+)` \|(.*)\|", line):
            found[match[1]] = [cell.strip() for cell in match[2].split("|")]
    return found


def test_every_helper_has_its_row_with_protocols_and_families() -> None:
    for name, readable in READABLE.items():
        protocols, families, *_ = rows()[name]
        said = {part.split()[0] for part in protocols.split(", ")}
        if name in CHILDREN_ONLY:
            continue  # what the kernel registers it for is not what it reads
        assert said == {NAMES[number] for _, number in readable}
        versions = {f"IPv{version}" for version, _ in readable}
        assert set(families.split(", ")) == versions


def test_every_parameter_is_named() -> None:
    for name in PARAMETER_DEFAULTS:
        assert f"`{name}`" in PAGE

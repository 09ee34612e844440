"""An installed package of a few lines, with entry points, for tests of plug-ins."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

HELPER = """
from firewalld_py.conntrack.expectation import Policy
from firewalld_py.conntrack.helpers.base import IPV4, Helper
from firewalld_py.packet.protocols import IPPROTO_UDP

class {cls}(Helper):
    def __init__(self):
        super().__init__({name!r}, frozenset({{(IPV4, IPPROTO_UDP)}}), [Policy(1, 60.0)])

    def inspect(self, payload, connection, direction, call):
        {inspect}
"""


def helper_source(name: str, cls: str = "Made", inspect: str = "return 0") -> str:
    """The source of a module with a helper of this name, and of these words in its inspect()."""
    return HELPER.format(name=name, cls=cls, inspect=inspect)


def install(directory: Path, package: str, source: str, **points: str) -> None:
    """Put a module into a directory, as a package whose helpers are these: name="Class"."""
    (directory / f"{package}.py").write_text(source)
    info = directory / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"{name} = {package}:{what}" for name, what in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[firewalld_py.helpers]", *lines, ""]))


def pip_install(project: Path, site: Path, scratch: Path) -> None:
    """Build a project with what is installed here, and install it alone into a directory."""
    copy = scratch / project.name  # building leaves things behind
    shutil.copytree(project, copy)
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    alone = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(site), str(copy)]
    subprocess.run([*pip, *alone], check=True)

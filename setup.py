"""Compiles the core of the package with mypyc; everything else stands in pyproject.toml.

FIREWALLD_PY_PURE=1 builds without compiling. A core that mypyc refuses fails the build: there is no
silent fallback to slow code.

`python3 setup.py fingerprint` prints a digest of all that the compiled core is made from; the
Makefile rebuilds when it changes. It needs the standard library alone.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent

# The core: pure, without I/O. A package's __init__.py holds no code and stays source.
CORE: Final = (
    "firewalld_py/packet/**/*.py",
    "firewalld_py/conntrack/**/*.py",
    "firewalld_py/rules/**/*.py",
    "firewalld_py/pipeline.py",
    "firewalld_py/service/nfqueue.py",
)
# What is compiled beside it: it brings each packet to the core, and its verdict back.
BESIDE_CORE: Final = ("firewalld_py/service/queue_socket.py",)
# The shared library that holds all compiled code; every compiled module is a small door to it.
GROUP: Final = "firewalld_py._core"


def core_sources() -> list[str]:
    """The source files of the core, as paths relative to the project, sorted."""
    return _sources(CORE)


def compiled_sources() -> list[str]:
    """All source files to compile, likewise."""
    return _sources((*CORE, *BESIDE_CORE))


def _sources(patterns: tuple[str, ...]) -> list[str]:
    found = {path for pattern in patterns for path in ROOT.glob(pattern)}
    return sorted(str(path.relative_to(ROOT)) for path in found if path.name != "__init__.py")


def fingerprint() -> str:
    """A digest of the core's sources, of how they are compiled and of the interpreter."""
    digest = hashlib.sha256(f"{sys.version} {sys.platform}".encode())
    for name in [*compiled_sources(), "setup.py", "pyproject.toml"]:
        digest.update(f"\0{name}\0".encode() + (ROOT / name).read_bytes())
    return digest.hexdigest()


def remove_orphans() -> None:
    """Remove compiled modules whose source left the core: Python would still import them."""
    modules = {name.removesuffix(".py") for name in compiled_sources()}
    modules.add(GROUP.replace(".", "/") + "__mypyc")
    for binary in (ROOT / "firewalld_py").rglob("*.so"):
        if str(binary.relative_to(ROOT)).split(".", 1)[0] not in modules:
            print(f"removing {binary.relative_to(ROOT)}: its source is gone")
            binary.unlink()


def main() -> None:
    """Run setuptools with a build_ext that lets mypyc make the extensions when they are built."""
    from setuptools import Extension, setup  # noqa: PLC0415 - not needed for the fingerprint
    from setuptools.command.build_ext import build_ext  # noqa: PLC0415

    class BuildCore(build_ext):
        """Runs mypyc only when extensions are built: reading metadata takes no compiler."""

        swig_opts: Any

        def run(self) -> None:
            from mypyc.build import mypycify  # noqa: PLC0415

            remove_orphans()
            extensions: list[Any] = mypycify(
                [*compiled_sources(), "--no-warn-unused-ignores"],
                opt_level="3",
                debug_level="0",
                group_name=GROUP,
            )
            self.distribution.ext_modules = extensions
            # Now that the extensions are known, once more, with swig_opts as it was at first.
            self.swig_opts = None
            self.finalize_options()
            super().run()

    if os.environ.get("FIREWALLD_PY_PURE", "") in ("", "0"):
        # The names alone, so that the wheel is known to be one for this platform.
        names = [name.removesuffix(".py").replace("/", ".") for name in compiled_sources()]
        setup(
            ext_modules=[Extension(name, sources=[]) for name in names],
            cmdclass={"build_ext": BuildCore},
        )
    else:
        setup()


if __name__ == "__main__":
    if sys.argv[1:] == ["fingerprint"]:
        print(fingerprint())
    else:
        main()

"""A live firewall on NFQUEUE: the kernel's connection tracking, packet for packet, in Python.

The core (`packet`, `conntrack`, `rules`, `pipeline`) is compiled when the package is built. With
FIREWALLD_PY_PURE=1 in the environment the very same .py files run interpreted, though the compiled
modules stand beside them.
"""

from __future__ import annotations

import os
import sys

__version__ = "0.1.0"

PURE = os.environ.get("FIREWALLD_PY_PURE", "") not in ("", "0")

if PURE:
    from firewalld_py._pure import SourceFirst

    sys.meta_path.insert(0, SourceFirst(__name__))


def compiled() -> bool:
    """Whether this process runs the compiled core (the import system is asked)."""
    from importlib.machinery import EXTENSION_SUFFIXES  # noqa: PLC0415 - only who asks pays for it
    from importlib.util import find_spec  # noqa: PLC0415

    spec = find_spec("firewalld_py.pipeline")
    origin = spec.origin if spec is not None else None
    return origin is not None and origin.endswith(tuple(EXTENSION_SUFFIXES))

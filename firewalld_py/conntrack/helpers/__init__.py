"""Helpers, one file a protocol: they read control connections and say what those lead to."""

from firewalld_py.conntrack.helpers.base import HELPERS, Helper

__all__ = ["HELPERS", "Helper"]

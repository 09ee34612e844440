"""Protocol helpers by the name that a rule calls them by (`action: {helper: ftp}`)."""

from __future__ import annotations

from typing import Final

HELPERS: Final[dict[str, object]] = {}

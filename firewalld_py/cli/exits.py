"""The exit codes of `firewalld-py`."""

from __future__ import annotations

from typing import Final

OK: Final = 0
FAILURE: Final = 1  # or findings
USAGE: Final = 2
NOT_RUNNING: Final = 3
NOT_PERMITTED: Final = 4
BAD_CONFIGURATION: Final = 5

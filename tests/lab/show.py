"""What the demo prints: headings, the daemon's log as it comes, and the closing table."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_CODES: Final = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_VERDICT_COLOURS: Final = {"accept": "green", "drop": "red", "reject": "yellow"}
# Of the kernel's LOG words these tell a spectator nothing, nor does the date.
_NOISE: Final = re.compile(
    r"^\d{4}-\d\d-\d\d |(MAC|TOS|PREC|ID|WINDOW|RES|URGP|TC|HOPLIMIT|FLOWLBL|MARK)=\S* ?|DF "
)


class Screen:
    """Standard output, shared by the demo and the thread that follows the daemon's log."""

    def __init__(self) -> None:
        """Use colour on a terminal only, and not where NO_COLOR is set."""
        self._coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self._lock = threading.Lock()

    def paint(self, text: str, *styles: str) -> str:
        """Return `text` in these styles, or bare where there is no colour."""
        if not self._coloured or not styles:
            return text
        return f"\033[{';'.join(_CODES[style] for style in styles)}m{text}\033[0m"

    def say(self, text: str = "") -> None:
        """Print one line or more."""
        with self._lock:
            print(text, flush=True)

    def heading(self, text: str) -> None:
        """Print what comes next."""
        self.say(f"\n{self.paint(text, 'bold')}")

    def log_line(self, line: str) -> None:
        """Print one line of the daemon's log, its verdict in colour."""
        verdict = re.search(r"\[(accept|drop|reject) ", line)
        shown = _NOISE.sub("", line)
        styles = (_VERDICT_COLOURS[verdict[1]],) if verdict else ("cyan",)
        self.say(f"{self.paint('  log |', 'dim')} {self.paint(shown, *styles)}")

    def table(self, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print rows in aligned columns; the column of verdicts is coloured."""
        widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
        self.say(self.paint(_aligned(titles, widths), "bold"))
        self.say("  ".join("-" * width for width in widths).rstrip())
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            styles = (_VERDICT_COLOURS.get(cell.strip()) for cell in cells)
            self.say(
                "  ".join(
                    self.paint(cell, style) if style else cell
                    for cell, style in zip(cells, styles, strict=True)
                ).rstrip()
            )

    def paragraph(self, text: str) -> None:
        """Print flowing text, as wide as the terminal."""
        self.say(textwrap.fill(text, min(100, shutil.get_terminal_size().columns)))


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()

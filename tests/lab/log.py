"""The daemon's log: followed while it grows, waited on, and read back as verdicts."""

from __future__ import annotations

import ipaddress
import re
import threading
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

from tests.lab.netns import LabError

if TYPE_CHECKING:
    from collections.abc import Callable

EVENT_TIMEOUT_S: Final = 5.0

_LINE: Final = re.compile(
    r"(?P<prefix>.*?)IN=(?P<packet>\S* OUT=.*?)"
    r" \[(?P<action>\w+) (?P<table>\w+)/(?P<chain>\w+)(?: \"(?P<rule>.*)\")?"
    r"(?: (?P<file>\S+):(?P<line>\d+))? state=(?P<state>\S+) reason=(?P<reason>\S+?)\]"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one log line says: what was decided, by which rule, about which packet.

    `fields` holds the words of the kernel's LOG style (IN, SRC, DPT, ...) of the packet itself, not
    of one that it quotes; `flags` the words without a value (SYN, ACK, DF, ...).
    """

    text: str
    prefix: str
    action: str
    table: str
    chain: str
    rule: str
    file: str
    line: int
    state: str
    reason: str
    fields: dict[str, str]
    flags: frozenset[str]


def parse_verdict(text: str) -> Verdict | None:
    """Read one line of the daemon's log; None when it is not about a packet."""
    match = _LINE.search(text)
    if match is None:
        return None
    # An ICMP error quotes the packet it is about in brackets.
    words = re.sub(r"\[.*?\]", "", "IN=" + match["packet"]).split()
    fields: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if equals:
            # The kernel writes IPv6 addresses in full; here they are as people write them.
            short = key in ("SRC", "DST") and value
            fields.setdefault(key, str(ipaddress.ip_address(value)) if short else value)
    return Verdict(
        text=text,
        prefix=match["prefix"],
        action=match["action"],
        table=match["table"],
        chain=match["chain"],
        rule=match["rule"] or "",
        file=match["file"] or "",
        line=int(match["line"] or 0),
        state=match["state"],
        reason=match["reason"],
        fields=fields,
        flags=frozenset(word for word in words if "=" not in word),
    )


class Log:
    """The lines of a running program, kept by a thread as they come."""

    def __init__(self) -> None:
        """Start empty; `follow` gives it something to read."""
        self._lines: list[str] = []
        self._grown = threading.Condition()
        self._stream: IO[str] | None = None
        self._reader: threading.Thread | None = None
        self._watch: Callable[[str], None] | None = None

    def follow(self, stream: IO[str], watch: Callable[[str], None] | None = None) -> None:
        """Read `stream` to its end in a thread of its own; `watch` is given every line."""
        self._stream = stream
        self._watch = watch
        self._reader = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._reader.start()

    def _read(self, stream: IO[str]) -> None:
        for text in stream:
            line = text.rstrip("\n")
            self.add(line)
            if self._watch is not None:
                self._watch(line)

    def add(self, line: str) -> None:
        """Append a line and wake who waits for it."""
        with self._grown:
            self._lines.append(line)
            self._grown.notify_all()

    def finish(self, timeout: float) -> None:
        """Wait for the end of the stream and close it.

        A process that outlives the one we started keeps the pipe open; it is not waited for longer
        than `timeout` seconds.
        """
        if self._reader is not None and self._stream is not None:
            self._reader.join(timeout)
            if not self._reader.is_alive():
                self._stream.close()

    def lines(self, after: int = 0) -> list[str]:
        """Return the lines from position `after` on."""
        with self._grown:
            return self._lines[after:]

    def mark(self) -> int:
        """Return the present end, to look only at what comes `after` it."""
        with self._grown:
            return len(self._lines)

    def wait_line(
        self, wanted: Callable[[str], bool], after: int = 0, timeout: float = EVENT_TIMEOUT_S
    ) -> str:
        """Wait until a line that is `wanted` stands after position `after`; return the first."""
        end = time.monotonic() + timeout
        at = after
        with self._grown:
            while True:
                for line in self._lines[at:]:
                    if wanted(line):
                        return line
                at = len(self._lines)
                left = end - time.monotonic()
                if left <= 0 or not self._grown.wait(left):
                    text = "\n".join(self._lines[after:][-40:])
                    raise LabError(f"the awaited log line did not come in {timeout} s:\n{text}")

    def wait_quiet(self, quiet: float, timeout: float = EVENT_TIMEOUT_S) -> None:
        """Wait until no line came for `quiet` seconds, at most `timeout`."""
        end = time.monotonic() + timeout
        with self._grown:
            while time.monotonic() < end and self._grown.wait(quiet):
                pass

    def verdicts(self, after: int = 0, /, **like: str) -> list[Verdict]:
        """Return the verdicts after position `after`, those `like` the given ones only."""
        parsed = (parse_verdict(line) for line in self.lines(after))
        return [verdict for verdict in parsed if verdict is not None and _is_like(verdict, like)]

    def wait_verdict(self, after: int = 0, /, **like: str) -> Verdict:
        """Wait for a verdict `like` this: rule=, state=, action=, ... or fields SPT=, DST=, ..."""

        def wanted(line: str) -> bool:
            verdict = parse_verdict(line)
            return verdict is not None and _is_like(verdict, like)

        try:
            verdict = parse_verdict(self.wait_line(wanted, after))
        except LabError as error:
            raise LabError(f"no verdict like {like} was logged: {error}") from None
        assert verdict is not None
        return verdict


def _is_like(verdict: Verdict, like: dict[str, str]) -> bool:
    return all(
        verdict.fields.get(key) == value if key.isupper() else getattr(verdict, key) == value
        for key, value in like.items()
    )

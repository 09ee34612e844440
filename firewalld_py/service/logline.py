"""Log events as entries: one message for people and parsers, and the same facts as fields.

The message of a packet is the rule's prefix, the line the kernel's LOG would print, and in brackets
what the firewall knows beyond it:
`invalid IN=lan0 OUT=wan0 MAC= SRC=… [drop filter/forward "junk" rules.yaml:20 state=INVALID …]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from firewalld_py.service.kernel_log import kernel_line

if TYPE_CHECKING:
    from firewalld_py.service.messages import LogEvent

IDENTIFIER: Final = "firewalld-py"

# Fixed for ever: administrators match on them (`journalctl MESSAGE_ID=…`).
MESSAGE_IDS: Final[dict[str, str]] = {
    "packet": "cfc96fdb00a640d58b3590d1eacd1953",
    "suppressed": "bfe1f057ba924b4f9294763230cc3e7a",
    "lost": "5359d43b58304ca5aeace1677b5c6e95",
    "daemon": "ba23348678a6419eaf7a631a3175571d",
    "started": "a011b09137e94852bbbc538bc0154a22",
    "stopped": "c65d36ccf0e4408e8b31bb71e31be26a",
    "reloaded": "f21a1a49e688496f9a0794a3ac615d3d",
    "reload_failed": "525767a06a1c4a22a9e4ad0c9ae8f546",
    "worker_lost": "0f87ddeedbe745faab785f6072d35150",
    "helper": "6d4f3a65db194501843f98fefb7ea147",
    "sets": "65229c97ef284064b5eece58a98150be",
    "internal_error": "57fdff535db04addb970694da0cbc12e",
}

EMERG, ALERT, CRIT, ERR, WARNING, NOTICE, INFO, DEBUG = range(8)  # as in <syslog.h>


@dataclass(frozen=True, slots=True)
class Entry:
    """One log entry: `time` in seconds since the epoch, `priority` a syslog severity (0-7).

    `message` is printable text, of a packet one line. `fields` are the journal's, without MESSAGE
    and PRIORITY; names are upper case, values text.
    """

    time: float
    priority: int
    message: str
    fields: dict[str, str]


def one_line(text: str) -> str:
    """The text with all that could break a line, a terminal or UTF-8 written as an escape.

    That is what str.isprintable says no to: control characters, line separators, lone surrogates.
    """
    if text.isprintable():
        return text
    return "".join(mark if mark.isprintable() else ascii(mark)[1:-1] for mark in text)


def packet_entries(event: LogEvent, in_name: str, out_name: str) -> list[Entry]:
    """One logged packet; before it the number of those its rule had to suppress, if any."""
    entries = [_suppressed_entry(event)] if event.suppressed > 0 else []
    line, facts = kernel_line(event.head, event.length, in_name, out_name, event.mark)
    message = f"{event.prefix}{line} {_verdict_words(event)}"
    fields = _rule_fields(event) | {
        "MESSAGE_ID": MESSAGE_IDS["packet"],
        "FW_ACTION": event.action,
        "FW_STATE": event.state,
        "FW_DIRECTION": event.direction,
        "FW_REASON": event.reason,
        "FW_IN": in_name,
        "FW_OUT": out_name,
        "FW_LEN": str(event.length),
        "FW_MARK": f"0x{event.mark:x}",
    }
    fields |= {f"FW_{name}": value for name, value in facts.items()}
    entries.append(_entry(event, message, fields))
    return entries


def _verdict_words(event: LogEvent) -> str:
    where = f"{event.action} {event.table}/{event.chain}"
    rule = f' "{event.rule}"' if event.rule else ""
    place = f" {PurePath(event.file).name}:{event.line}" if event.file else ""
    return f"[{where}{rule}{place} state={event.state or '-'} reason={event.reason}]"


def _suppressed_entry(event: LogEvent) -> Entry:
    lines = "line" if event.suppressed == 1 else "lines"
    message = (
        f'suppressed {event.suppressed} log {lines} of rule "{event.rule}" '
        f"({event.table}/{event.chain}): over its limit"
    )
    fields = _rule_fields(event) | {
        "MESSAGE_ID": MESSAGE_IDS["suppressed"],
        "FW_SUPPRESSED": str(event.suppressed),
    }
    return _entry(event, message, fields)


def _rule_fields(event: LogEvent) -> dict[str, str]:
    fields = {
        "SYSLOG_IDENTIFIER": IDENTIFIER,
        "FW_TABLE": event.table,
        "FW_CHAIN": event.chain,
        "FW_RULE": event.rule,
    }
    if event.file:
        fields |= {"FW_RULE_FILE": event.file, "FW_RULE_LINE": str(event.line)}
    return fields


def _entry(event: LogEvent, message: str, fields: dict[str, str]) -> Entry:
    """An entry with what is empty left out: a field that is there says something."""
    kept = {name: one_line(value) for name, value in fields.items() if value}
    return Entry(event.time, event.level & 7, one_line(message), kept)


def daemon_entry(
    time: float, priority: int, message: str, event: str, fields: dict[str, str]
) -> Entry:
    """An entry about the daemon itself; `event` is a key of MESSAGE_IDS. Line breaks stay."""
    standard = {"SYSLOG_IDENTIFIER": IDENTIFIER, "MESSAGE_ID": MESSAGE_IDS[event]}
    kept = {name: one_line(value) for name, value in fields.items() if value}
    return Entry(time, priority, "\n".join(map(one_line, message.split("\n"))), standard | kept)


def lost_entry(time: float, count: int) -> Entry:
    """Says that the log itself could not keep up."""
    lines = "line" if count == 1 else "lines"
    message = f"{count} log {lines} lost: the log could not be written as fast as they came"
    return daemon_entry(time, WARNING, message, "lost", {"FW_LOST": str(count)})

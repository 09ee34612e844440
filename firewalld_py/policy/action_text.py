"""What a rule does, in the words of the rule file."""

from __future__ import annotations

from firewalld_py.policy.model import Action, Log, Target
from firewalld_py.policy.names import LEVELS
from firewalld_py.policy.targets import text_of_target


def action_text(action: Action) -> str:
    """In one line: `mark 0x1, log, reject with tcp-reset`."""
    words = [_target_text(target) for target in action.targets]
    if action.log is not None:
        words.append("log")
    words += [
        f"{name} {value}"
        for name, value in (("helper", action.helper), ("zone", action.zone))
        if value is not None
    ]
    if action.timeouts is not None:
        words.append(f"timeout {', '.join(action.timeouts)}")
    if action.verdict != "continue":
        kind = f" with {action.reject}" if action.reject else ""
        kind += f" {action.chain}" if action.chain else ""
        words.append(action.verdict + kind)
    return ", ".join(words) or "go on"


def _target_text(target: Target) -> str:
    try:
        return text_of_target(target)
    except (AttributeError, TypeError, ValueError, KeyError):
        return f"{target.kind} {target.value}"  # out of a plan, where values are compiled


def log_text(log: Log | None) -> str:
    """How a rule logs, all of it."""
    if log is None:
        return "none"
    level = next((name for name, number in LEVELS.items() if number == log.level), str(log.level))
    words = [f"level {level}"]
    if log.prefix:
        words.append(f'prefix "{log.prefix}"')
    if log.rate is not None:
        words.append(f"limit {log.rate:g}/second")
    if log.burst is not None:
        words.append(f"burst {log.burst}")
    return ", ".join(words)

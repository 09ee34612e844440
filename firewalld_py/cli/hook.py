"""The verbs `hook install`, `hook remove` and `hook show`."""

from __future__ import annotations

import contextlib
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from firewalld_py.cli.exits import BAD_CONFIGURATION, FAILURE, NOT_PERMITTED, OK
from firewalld_py.policy.config import ControlConfig, load_config
from firewalld_py.policy.errors import PolicyErrors
from firewalld_py.service.control import NotRunningError, ask
from firewalld_py.service.hook import (
    HookError,
    HookNotPermittedError,
    install_hook,
    remove_everywhere,
    require_net_admin,
    show_everywhere,
    spec_from_config,
)
from firewalld_py.service.hook_queues import QueueState, listener, read_queues, unbound

if TYPE_CHECKING:
    import argparse

    from firewalld_py.service.hook import HookRule


ASK_TIMEOUT_S: Final = 3.0
_BYPASSED: Final = "packets pass unjudged until the daemon runs (fail: open)"
_DROPPED: Final = "every packet is dropped until the daemon runs (fail: closed)"


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `hook` and what follows it to the command's parser."""
    hook = subparsers.add_parser(
        "hook",
        help="the kernel rules that lead packets to the daemon",
        description="Install, remove or show the kernel rules that lead packets to the daemon. "
        "The daemon installs them by itself when it starts.",
    )
    verbs = hook.add_subparsers(dest="hook_verb", required=True, metavar="VERB")
    install = verbs.add_parser("install", help="put them in, as the configuration says")
    install.add_argument(
        "--force", action="store_true", help="even when nobody listens and all packets get dropped"
    )
    verbs.add_parser("remove", help="take them out of every back end; others' rules stay")
    show = verbs.add_parser("show", help="what stands in the kernel, with counters and listeners")
    show.add_argument("--json", action="store_true", help="as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Do what `args.hook_verb` says; returns the exit code."""
    try:
        require_net_admin()
        if args.hook_verb == "install":
            return _install(args.config, force=args.force)
        if args.hook_verb == "remove":
            return _remove(args.config)
        return _show(as_json=args.json)
    except PolicyErrors as error:
        return _fail(str(error), BAD_CONFIGURATION)
    except HookNotPermittedError as error:
        return _fail(str(error), NOT_PERMITTED)
    except HookError as error:
        return _fail(str(error), FAILURE)


def _install(config_path: str, *, force: bool) -> int:
    config = load_config(config_path)
    spec = spec_from_config(config)
    absent = unbound(range(spec.queue_number, spec.last_queue + 1), read_queues())
    if absent and not spec.bypass and not force:
        return _fail(
            f"nobody listens on queue {absent[0]}: {_DROPPED}, ssh sessions to this machine too.\n"
            "Start the daemon, which installs the hook by itself, or add --force.",
            FAILURE,
        )
    backend, notes = install_hook(config.hook.backend, spec)
    _tell_daemon(config_path, wanted=True)
    for note in notes:
        _say(f"note: {note}")
    if absent:
        _say(f"warning: nobody listens on queue {absent[0]}: {_fate(bypass=spec.bypass)}")
    chains = ", ".join(spec.hooks) or "no chain"
    print(f"hook installed by {backend.name} (table {backend.table}): {chains}")
    return OK


def _remove(config_path: str) -> int:
    _tell_daemon(config_path, wanted=False)
    removed = remove_everywhere()
    print(f"hook removed from {', '.join(removed)}" if removed else "no hook was installed")
    return OK


def _tell_daemon(config_path: str, *, wanted: bool) -> None:
    """A daemon that runs looks after its hook: it shall know that this is meant."""
    try:
        path = load_config(config_path).control.socket
    except PolicyErrors:
        path = ControlConfig().socket
    with contextlib.suppress(NotRunningError, OSError):
        ask(path, {"verb": "hook", "wanted": wanted}, ASK_TIMEOUT_S)


def _show(*, as_json: bool) -> int:
    rules = show_everywhere()
    wanted = sorted({number for rule in rules for number in _numbers(rule)})
    queues = {queue.number: queue for queue in read_queues()}
    if as_json:
        print(json.dumps(_as_data(rules, wanted, queues), indent=2))
        return OK
    if not rules:
        print("no hook is installed")
    for rule in rules:
        print(_rule_line(rule))
    for number in wanted:
        bypass = all(rule.bypass for rule in rules if number in _numbers(rule))
        print(_queue_line(number, queues.get(number), bypass=bypass))
    return OK


def _as_data(
    rules: list[HookRule], wanted: list[int], queues: dict[int, QueueState]
) -> dict[str, Any]:
    return {
        "installed": any(rule.queues and rule.reached for rule in rules),
        "rules": [asdict(rule) for rule in rules],
        "queues": [
            {**asdict(queues[number]), "listener": listener(queues[number].port_id)}
            if number in queues
            else {"number": number, "listener": None}
            for number in wanted
        ],
    }


def _rule_line(rule: HookRule) -> str:
    target = "exempt: our own answers"
    if rule.queues:
        first, last = rule.queues
        target = f"queue {first}" if first == last else f"queues {first}-{last}"
    if rule.bypass:
        target += " (bypass)"
    if not rule.reached:
        target += " BUT NOTHING JUMPS HERE: run `hook install` again"
    place = f"{rule.backend} {rule.family} {rule.table} {rule.hook}"
    return f"{place:38} {target:24} {rule.packets} packets, {rule.octets} octets"


def _queue_line(number: int, queue: QueueState | None, *, bypass: bool) -> str:
    if queue is None:
        return f"queue {number}: NOBODY LISTENS, {_fate(bypass=bypass)}"
    owner = listener(queue.port_id) or "a process that is not visible here"
    return (
        f"queue {number}: {owner} listens (port id {queue.port_id}), {queue.waiting} waiting, "
        f"dropped {queue.dropped_full} (queue full) and {queue.dropped_unsent} (socket full)"
    )


def _fate(*, bypass: bool) -> str:
    return _BYPASSED if bypass else _DROPPED


def _numbers(rule: HookRule) -> range:
    return range(rule.queues[0], rule.queues[1] + 1) if rule.queues else range(0)


def _say(message: str) -> None:
    print(f"firewalld-py: {message}", file=sys.stderr)


def _fail(message: str, code: int) -> int:
    _say(message)
    return code

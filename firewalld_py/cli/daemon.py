"""`run`, `reload` and `status`: the daemon, and talking to it."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from typing import Any, Final

from firewalld_py.cli.exits import BAD_CONFIGURATION, FAILURE, NOT_PERMITTED, NOT_RUNNING, OK, USAGE
from firewalld_py.policy.config import load_config
from firewalld_py.policy.errors import PolicyErrors

RELOAD_TIMEOUT_S: Final = 120.0
STATUS_TIMEOUT_S: Final = 10.0


def add_arguments(subparsers: Any) -> None:
    """The verbs of this module."""
    subparsers.add_parser("run", help="the daemon, in the foreground")
    subparsers.add_parser("reload", help="put the rules file in force, and wait for it")
    status = subparsers.add_parser("status", help="what the daemon is doing")
    status.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Do what the verb says; returns the exit code."""
    verbs = {"run": run_daemon, "reload": run_reload, "status": run_status}
    return verbs[arguments.verb](arguments)


def run_daemon(arguments: argparse.Namespace) -> int:
    """Run the supervisor until it is told to stop."""
    # Only the daemon needs these, and they take a while to import.
    from firewalld_py.service.control import AlreadyRunningError  # noqa: PLC0415
    from firewalld_py.service.hook import (  # noqa: PLC0415
        HookError,
        HookNotPermittedError,
        require_net_admin,
    )
    from firewalld_py.service.journal import Log  # noqa: PLC0415
    from firewalld_py.service.supervisor import (  # noqa: PLC0415
        DaemonError,
        StartError,
        Supervisor,
    )

    # Until the daemon can reload there is nothing to reload; the default would end it.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    config = load_config(arguments.config)
    try:
        require_net_admin()
    except HookNotPermittedError as error:
        print(f"firewalld-py: {error}", file=sys.stderr)
        return NOT_PERMITTED
    log = Log(config.log.target)

    async def serve() -> None:
        await Supervisor(config, log).run()

    try:
        asyncio.run(serve())
    except DaemonError as error:
        log.error(f"ended: {error}")
        return FAILURE
    except PolicyErrors as errors:
        log.error(f"not started: {errors}")
        return BAD_CONFIGURATION
    except (StartError, AlreadyRunningError, HookError, OSError) as error:
        log.error(f"not started: {error}")
        return NOT_PERMITTED if isinstance(error, PermissionError) else FAILURE
    finally:
        log.close()
    return OK


def run_reload(arguments: argparse.Namespace) -> int:
    """Reload through the control socket; the errors, if any, go to stderr."""
    answer = ask_daemon(arguments, {"verb": "reload"}, RELOAD_TIMEOUT_S)
    if isinstance(answer, int):
        return answer
    if not answer["ok"]:
        print(f"the old rules stay in force:\n{answer['error']}", file=sys.stderr)
        return BAD_CONFIGURATION if answer.get("policy") else FAILURE
    print(f"generation {answer['generation']} in force, {answer['rules']} rules")
    return OK


def run_status(arguments: argparse.Namespace) -> int:
    """Show the daemon's state."""
    answer = ask_daemon(arguments, {"verb": "status"}, STATUS_TIMEOUT_S)
    if isinstance(answer, int):
        return answer
    if arguments.json:
        print(json.dumps(answer))
    else:
        print("\n".join(status_lines(answer)))
    return OK


def status_lines(status: dict[str, Any]) -> list[str]:
    """The status for reading."""
    rules = f"generation {status['generation']}, {status['rules']} rules"
    hook = status["hook"] if status["hook_wanted"] else "removed by hand: packets pass unjudged"
    lines = [
        f"rules        {rules} from {status['rules_file']}",
        f"hook         {hook}, fail: {status['fail']}",
        f"up           {status['uptime_s']:.0f} s, worker restarts: {status['restarts']}",
        f"connections  {status['connections']}",
    ]
    for worker in status["workers"]:
        lines += _worker_lines(worker)
    if status["last_reload_error"]:
        lines += ["", "the last reload failed, older rules are in force:"]
        lines.append(status["last_reload_error"])
    return lines


def _worker_lines(worker: dict[str, Any]) -> list[str]:
    packets, accepted, dropped = (worker.get(key, 0) for key in ("packets", "accepted", "dropped"))
    head = f"queue {worker['queue']:<6} worker {worker['pid']}: "
    lines = [f"{head}{packets} packets, {accepted} accepted, {dropped} dropped"]
    lost = {name: worker.get(name, 0) for name in ("queue_full", "socket_full")}
    for name, count in sorted((worker.get("counters", {}) | lost).items()):
        if count:
            lines.append(f"             {name}: {count}")
    return lines


def ask_daemon(
    arguments: argparse.Namespace, request: dict[str, Any], timeout_s: float
) -> dict[str, Any] | int:
    """The daemon's answer, or the exit code when there is none."""
    from firewalld_py.service.control import NotRunningError, ask  # noqa: PLC0415

    path = load_config(arguments.config).control.socket
    try:
        return ask(path, request, timeout_s)
    except NotRunningError as error:
        print(f"firewalld-py: {error}", file=sys.stderr)
        return NOT_RUNNING
    except PermissionError:
        print(
            f"firewalld-py: not permitted to use {path}: be root, or in the group firewalld-py",
            file=sys.stderr,
        )
        return NOT_PERMITTED
    except TimeoutError:
        print(f"firewalld-py: the daemon did not answer within {timeout_s:.0f} s", file=sys.stderr)
        return FAILURE


def answered(
    arguments: argparse.Namespace, request: dict[str, Any], timeout_s: float
) -> dict[str, Any] | int:
    """The daemon's answer; the exit code where it has none, or refuses (then it is said why)."""
    answer = ask_daemon(arguments, request, timeout_s)
    if isinstance(answer, int) or answer["ok"]:
        return answer
    print(f"firewalld-py: {answer['error']}", file=sys.stderr)
    return USAGE if answer.get("usage") else FAILURE

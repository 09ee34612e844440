"""`firewalld-py VERB …`: one command for all that an administrator does."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Final

from firewalld_py import __version__
from firewalld_py.cli import (
    ban,
    check,
    daemon,
    diff,
    expect,
    explain,
    hook,
    import_,
    replay,
    rule_tests,
    rules,
    sets,
)
from firewalld_py.cli import help as help_
from firewalld_py.cli.exits import BAD_CONFIGURATION, OK
from firewalld_py.policy.config import DEFAULT_CONFIG
from firewalld_py.policy.errors import PolicyErrors


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command."""
    parser = argparse.ArgumentParser(
        prog="firewalld-py",
        description="A live firewall on NFQUEUE with its own connection tracking.",
        epilog="Exit codes: 0 done; 1 failure or findings; 2 usage; 3 daemon not running; "
        "4 not permitted; 5 bad configuration.",
    )
    parser.add_argument("--version", action="version", version=f"firewalld-py {__version__}")
    parser.add_argument(
        "--config", default=DEFAULT_CONFIG, metavar="FILE", help="the daemon's configuration"
    )
    subparsers = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for module in (
        daemon,
        expect,
        rules,
        sets,
        ban,
        check,
        rule_tests,
        explain,
        replay,
        diff,
        import_,
        hook,
        help_,
    ):
        module.add_arguments(subparsers)
    return parser


# Which module does which verb.
RUNNERS: Final = {
    "run": daemon.run,
    "reload": daemon.run,
    "status": daemon.run,
    "expect": expect.run,
    "rules": rules.run,
    "set": sets.run,
    "ban": ban.run,
    "unban": ban.run,
    "check": check.run,
    "test": rule_tests.run,
    "explain": explain.run,
    "replay": replay.run,
    "diff": diff.run,
    "import": import_.run,
    "hook": hook.run,
    "help": help_.run,
}


def main(words: list[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    arguments = build_parser().parse_args(words)
    try:
        code = RUNNERS[arguments.verb](arguments)
    except PolicyErrors as errors:
        print(errors, file=sys.stderr)
        return BAD_CONFIGURATION
    except BrokenPipeError:
        # Whoever read our output has seen enough; say nothing at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    return code


if __name__ == "__main__":
    sys.exit(main())

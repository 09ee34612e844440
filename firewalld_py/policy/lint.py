"""The linter: what rules say that is probably not meant, each finding shown by a packet.

Every packet that is shown has gone through Firewall.handle and done what is said of it; what cannot
be proved is not said. It is part of `check` and never of a reload.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from typing import Final

from firewalld_py.conntrack.helpers.base import Helper
from firewalld_py.policy.advice import advise
from firewalld_py.policy.config import Config
from firewalld_py.policy.findings import Finding, Report, silenced
from firewalld_py.policy.lint_chains import (
    SshConnection,
    chain_findings,
    lock_out_findings,
    unused_findings,
)
from firewalld_py.policy.lint_reach import Reach, Redundant
from firewalld_py.policy.lint_states import answers_findings, invalid_findings, related_findings
from firewalld_py.policy.lint_untracked import untracked_findings
from firewalld_py.policy.lint_world import World
from firewalld_py.policy.model import Policy

BUDGET_S: Final = 10.0  # what is not looked at by then is said in a note
MAX_NAMED: Final = 5  # rules that a note names


def lint(
    policy: Policy,
    config: Config,
    helpers: Collection[str] = (),
    more_helpers: Iterable[Helper] = (),
    ssh: SshConnection | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Report:
    """All findings that nobody silenced. `helpers` are the names of those that there are.

    `ssh` is the connection that the rules are not to cut, `clock` is for the time it takes.
    """
    until = clock() + BUDGET_S
    world = World(policy, config, more_helpers, lambda: clock() < until)
    found: list[Finding] = [*chain_findings(world), *unused_findings(world)]
    found += lock_out_findings(world, ssh)
    found += advise(policy, helpers)
    reach = Reach(world)
    found += reach.findings()
    reached = reach.reached
    found += related_findings(world, reached)
    found += invalid_findings(world, reached)
    found += untracked_findings(world, reached)
    found += answers_findings(world, reached)
    found += Redundant(world, reached).findings()
    notes: list[str] = []
    if reached.unseen:
        notes.append(
            f"lint took {BUDGET_S:.0f} s, the most it may: {reached.unseen} looks at rules are "
            "left out, so that more may be found"
        )
    if reached.unknown:
        names = ", ".join(rule.label for rule in reached.unknown[:MAX_NAMED])
        more = len(reached.unknown) - MAX_NAMED
        names += f" and {more} more" if more > 0 else ""
        them = "it" if len(reached.unknown) == 1 else "them"
        notes.append(f"no packet could be made that meets {names}: lint says nothing of {them}")
    return Report(silenced(policy, found), notes)

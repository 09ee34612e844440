"""What is imported from iptables judges as iptables does, packet for packet, in the real kernel.

Chains of iptables become chains of ours, and so this is also where our jump, goto and return are
held against the kernel's: chains are nested up to twelve deep, entered by goto from within a jump,
and left by RETURN anywhere, some of it only as long as a limit allows.
"""

from __future__ import annotations

import os
import subprocess
from random import Random
from typing import Final

import pytest

from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.imports.document import make_document
from firewalld_py.imports.ipset_file import IpSets
from firewalld_py.imports.iptables import import_families
from firewalld_py.imports.policies import TOOLS
from firewalld_py.imports.save_file import read_save
from firewalld_py.imports.steps import Left
from firewalld_py.pipeline import Firewall
from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.policy.load import parse_rules
from firewalld_py.rules.build import build_ruleset
from tests.differential.imported import Rounds
from tests.differential.iptables_conditions import SETS
from tests.differential.iptables_rules import Rules, packets
from tests.differential.kernel import ENTRY, EXIT, KernelJudge, run

RULE_SETS: Final = int(os.environ.get("IMPORT_RULE_SETS", "40"))
PACKETS: Final = 60
# Nothing is in the sets that rules change when a rule set begins.
CHANGED: Final = "".join(f"flush changed{end}\n" for end in ("4", "6", "4p", "6p"))


class Namespace:
    """The judge's namespace, which commands can be run in later."""

    def __init__(self) -> None:
        self.descriptor = -1

    def keep(self) -> None:
        self.descriptor = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def command(self, name: str) -> list[str]:
        return ["nsenter", f"--net=/proc/{os.getpid()}/fd/{self.descriptor}", name]

    def load(self, family: int, rules: str) -> str:
        """Put rules into the kernel; what iptables-save says of them."""
        run(self.command(f"{TOOLS[family]}-restore"), rules)
        done = subprocess.run(
            self.command(f"{TOOLS[family]}-save"), check=True, capture_output=True, text=True
        )
        return done.stdout

    def ipset(self, commands: str) -> str:
        """Let ipset do this; what it has afterwards."""
        run([*self.command("ipset"), "restore"], commands)
        done = subprocess.run(
            [*self.command("ipset"), "save"], check=True, capture_output=True, text=True
        )
        return done.stdout


def imported(saved: dict[int, str], ipsets: str) -> tuple[str, list[Left]]:
    return make_document(
        import_families({family: read_save(text) for family, text in saved.items()}, IpSets(ipsets))
    )


def our_firewall(text: str) -> Firewall:
    policy, problems = parse_rules(text, "rules.yaml")
    assert policy is not None, [problem.shown() for problem in problems]
    ruleset = build_ruleset(compile_policy(policy, Config()))
    ruleset.interfaces.set_names({1: ENTRY, 2: EXIT})
    return Firewall(ruleset, Conntrack(Settings()))


@pytest.mark.needs("conntrack", "ipset")
def test_random_rule_sets_judge_as_the_kernel_does() -> None:
    namespace = Namespace()
    with KernelJudge(namespace.keep) as kernel:
        rounds = Rounds(kernel)
        namespace.ipset(SETS)
        for seed in range(RULE_SETS):
            rng = Random(seed)
            rules = {family: Rules(rng, family).text() for family in TOOLS}
            saved = {family: namespace.load(family, text) for family, text in rules.items()}
            text, left = imported(saved, namespace.ipset(CHANGED))
            if rounds.is_whole(left):
                shown = f"seed {seed}\n{saved[4]}\n{saved[6]}\n{text}"
                rounds.compare(our_firewall(text), packets(rng, PACKETS), shown)
    os.close(namespace.descriptor)
    rounds.conclude(RULE_SETS)

"""The texts that the hook exchanges with iptables: scripts for -restore, output of -save."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from firewalld_py.service.hook_base import CHAINS, COMMENT, HookRule, HookSpec

PREFIX: Final = "FIREWALLD-PY-"
PROBE_CHAIN: Final = "FIREWALLD-PY-PROBE"
# No packet comes here. That a rule with this match exists makes the kernel put fragments together
# before any hook sees them, in the whole network namespace (docs/adr/0004-fragments.md).
DEFRAG_CHAIN: Final = "FIREWALLD-PY-DEFRAG"
DEFRAG_RULE: Final = "-m socket -j RETURN"

_LOOPBACK_TEST: Final = {"input": "! -i lo ", "output": "! -o lo ", "forward": ""}
_QUEUES: Final = re.compile(r"--queue-(?:num|balance) (\d+)(?::(\d+))?")
_COUNTED: Final = re.compile(r"\[(\d+):(\d+)\] (-A .*)")


def jump(hook: str) -> str:
    """Return the rule that leads a built-in chain to ours, without -A or -I."""
    return f"{hook.upper()} -m comment --comment {COMMENT} -j {PREFIX}{hook.upper()}"


def own_rules(hook: str, spec: HookSpec) -> list[str]:
    """Return the rules of our chain for `hook`, spelled as iptables-save prints them."""
    chain = f"-A {PREFIX}{hook.upper()}"
    rules = []
    if hook == "output" and spec.exempt_mark:
        mark = f"{spec.exempt_mark:#x}"
        rules.append(f"{chain} -m mark --mark {mark}/{mark} -j RETURN")
    outside = "" if spec.loopback else _LOOPBACK_TEST[hook]
    queues = f"--queue-num {spec.queue_number}"
    if spec.queue_count > 1:
        queues = f"--queue-balance {spec.queue_number}:{spec.last_queue}"
    bypass = " --queue-bypass" if spec.bypass else ""
    rules.append(f"{chain} {outside}-j NFQUEUE {queues}{bypass}")
    return rules


@dataclass(frozen=True, slots=True)
class Present:
    """What stands in one table of one family: our chains, the jumps to them, our rules.

    `jumps` are whole lines (`-A INPUT ...`); `buried` tells that one of them is not the first of
    its chain; `others` are the rules of other people in the built-in chains of CHAINS.
    """

    chains: tuple[str, ...]
    jumps: tuple[str, ...]
    rules: tuple[str, ...]
    others: tuple[str, ...]
    buried: bool


def parse_save(text: str) -> Present:
    """Return what the output of iptables-save (one table, no counters) holds of ours."""
    chains: list[str] = []
    jumps: list[str] = []
    rules: list[str] = []
    others: list[str] = []
    buried = False
    for line in text.splitlines():
        if line.startswith(f":{PREFIX}"):
            chains.append(line[1:].split()[0])
        elif line.startswith(f"-A {PREFIX}"):
            rules.append(line)
        elif line.startswith("-A ") and f" -j {PREFIX}" in line:
            chain = f"-A {line.split()[1]} "
            buried = buried or any(other.startswith(chain) for other in others)
            jumps.append(line)
        elif line.startswith("-A ") and line.split()[1].lower() in CHAINS:
            others.append(line)
    return Present(tuple(chains), tuple(jumps), tuple(rules), tuple(others), buried)


def table_script(table: str, hooks: tuple[str, ...], spec: HookSpec, present: Present) -> str:
    """Return what iptables-restore --noflush must do so that `table` holds just `hooks` of ours.

    Empty when nothing is to do. The whole table changes in one step. Defragmentation, if `spec`
    wants it, is asked for in the table of the first hook.
    """
    jumps = [f"-A {jump(hook)}" for hook in hooks]
    rules = [rule for hook in hooks for rule in own_rules(hook, spec)]
    chains = [f"{PREFIX}{hook.upper()}" for hook in hooks]
    if spec.defragment and spec.hooks[:1] == hooks[:1]:
        chains.append(DEFRAG_CHAIN)
        rules.append(f"-A {DEFRAG_CHAIN} {DEFRAG_RULE}")
    # iptables-save prints chains in an order of its own.
    wanted = [sorted(part) for part in (jumps, rules, chains)]
    found = [sorted(part) for part in (present.jumps, present.rules, present.chains)]
    if wanted == found and not present.buried:
        return ""
    unwanted = [chain for chain in present.chains if chain not in chains]
    lines = [f"*{table}"]
    # With --noflush a chain that is declared is made, or emptied where it exists.
    lines += [f":{chain} - [0:0]" for chain in chains]
    lines += ["-D" + line.removeprefix("-A") for line in present.jumps]
    lines += [f"-I {jump(hook).replace(' ', ' 1 ', 1)}" for hook in hooks]
    lines += rules
    lines += [f"-F {chain}" for chain in unwanted] + [f"-X {chain}" for chain in unwanted]
    return "\n".join([*lines, "COMMIT", ""])


def probe_script(table: str, spec: HookSpec) -> str:
    """Return a script that makes a scratch chain with our rules, to which no packet is led."""
    chain = f"-A {PROBE_CHAIN}"
    rules = [f"{chain} -m comment --comment {COMMENT} -j RETURN"]
    for hook in spec.hooks:
        own = f"-A {PREFIX}{hook.upper()}"
        rules += [rule.replace(own, chain) for rule in own_rules(hook, spec)]
    if spec.defragment:
        rules.append(f"{chain} {DEFRAG_RULE}")
    return "\n".join([f"*{table}", f":{PROBE_CHAIN} - [0:0]", *rules, "COMMIT", ""])


def parse_counted(text: str, backend: str, table: str, family: str) -> list[HookRule]:
    """Return our own rules in the output of iptables-save -c, with their counters."""
    rules = []
    reached = {line.rsplit(maxsplit=1)[-1] for line in text.splitlines() if f" -j {PREFIX}" in line}
    for line in text.splitlines():
        counted = _COUNTED.match(line)
        if not counted or not counted[3].startswith(f"-A {PREFIX}"):
            continue
        chain = counted[3].split()[1]
        if chain == DEFRAG_CHAIN:
            continue
        queues = _QUEUES.search(counted[3])
        rules.append(
            HookRule(
                backend=backend,
                table=table,
                family=family,
                hook=chain.removeprefix(PREFIX),
                text=counted[3],
                packets=int(counted[1]),
                octets=int(counted[2]),
                queues=(int(queues[1]), int(queues[2] or queues[1])) if queues else None,
                bypass="--queue-bypass" in counted[3],
                reached=chain in reached,
            )
        )
    return rules

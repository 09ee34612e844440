"""The hook by nftables: a table of our own with one base chain per hook, after everyone's filter.

Own base chains make us independent of other tables: a packet passes only when their rules and our
verdict both let it, and none of their rules is touched.
"""

from __future__ import annotations

import re
from typing import Final

from firewalld_py.service.hook_base import (
    COMMENT,
    HookError,
    HookRule,
    HookSpec,
    find_tool,
    lacks_nf_tables,
    run_tool,
)

FAMILY: Final = "inet"
TABLE: Final = "firewalld_py"
PRIORITY: Final = "filter + 10"

_LOOPBACK_TEST: Final = {"input": 'iifname != "lo" ', "output": 'oifname != "lo" ', "forward": ""}
_CHAIN: Final = re.compile(r"\s*chain (\w+) \{")
_COUNTER: Final = re.compile(r"counter packets (\d+) bytes (\d+)")
# nft prints `queue num 0-3 bypass` or `queue flags bypass to 0-3`, by its version.
_QUEUE: Final = re.compile(r"queue (flags [\w,-]+ )?(?:num|to) (\d+)(?:-(\d+))?([\w ,]*)")


def install_script(spec: HookSpec) -> str:
    """Return the nft script that makes the kernel's state equal to `spec`, as one transaction.

    Chains are added (which does nothing when they are there) and refilled, never deleted: when a
    base chain goes away the kernel drops every packet that waits in any queue of the namespace. A
    chain that is no longer wanted stays behind empty.
    """
    lines = [f"add table {FAMILY} {TABLE}", f"flush table {FAMILY} {TABLE}"]
    for hook in spec.hooks:
        lines.append(
            f"add chain {FAMILY} {TABLE} {hook} "
            f"{{ type filter hook {hook} priority {PRIORITY}; policy accept; }}"
        )
        lines += [f"add rule {FAMILY} {TABLE} {hook} {rule}" for rule in _rules(hook, spec)]
    if spec.defragment:
        lines += _defragmentation()
    return "\n".join(lines) + "\n"


def _defragmentation() -> list[str]:
    """Return a chain whose rules no packet meets.

    That a tproxy statement exists makes the kernel put fragments together before any hook sees
    them, in the whole network namespace (docs/adr/0004-fragments.md).
    """
    chain = f"{FAMILY} {TABLE} defragment"
    return [
        f"add chain {chain} {{ type filter hook prerouting priority raw; policy accept; }}",
        f"add rule {chain} ip daddr 0.0.0.0 meta l4proto tcp tproxy ip to :1",
        f"add rule {chain} ip6 daddr :: meta l4proto tcp tproxy ip6 to :1",
    ]


def _rules(hook: str, spec: HookSpec) -> list[str]:
    rules = []
    if hook == "output" and spec.exempt_mark:
        mark = f"{spec.exempt_mark:#x}"
        rules.append(f'meta mark & {mark} == {mark} counter accept comment "{COMMENT}"')
    outside = "" if spec.loopback else _LOOPBACK_TEST[hook]
    queues = str(spec.queue_number)
    if spec.queue_count > 1:
        queues += f"-{spec.last_queue}"
    bypass = " bypass" if spec.bypass else ""
    rules.append(f'{outside}counter queue num {queues}{bypass} comment "{COMMENT}"')
    return rules


def parse_listing(listing: str) -> list[HookRule]:
    """Return the rules in the output of `nft list table`."""
    rules = []
    hook = ""
    for line in listing.splitlines():
        chain = _CHAIN.match(line)
        if chain:
            hook = chain[1]
        counter = _COUNTER.search(line)
        if not counter:
            continue
        queue = _QUEUE.search(line)
        rules.append(
            HookRule(
                backend="nft",
                table=f"{FAMILY} {TABLE}",
                family=FAMILY,
                hook=hook.upper(),
                text=_COUNTER.sub("counter", line).strip(),
                packets=int(counter[1]),
                octets=int(counter[2]),
                queues=(int(queue[2]), int(queue[3] or queue[2])) if queue else None,
                bypass=queue is not None and "bypass" in f"{queue[1]}{queue[4]}",
            )
        )
    return rules


class NftBackend:
    """The hook in the table `inet firewalld_py`."""

    name: Final = "nft"
    table: Final = f"{FAMILY} {TABLE}"

    def probe(self, spec: HookSpec) -> None:
        """Let the kernel check the very script that install would run; nothing is changed."""
        run_tool(["nft", "-c", "-f", "-"], install_script(spec))

    def install(self, spec: HookSpec) -> list[str]:
        """Put the hook in as one transaction; chains that are there are refilled in place.

        Their counters begin anew.
        """
        run_tool(["nft", "-f", "-"], install_script(spec))
        return []

    def remove(self) -> bool:
        """Delete our table; the kernel drops what waits in any queue of this namespace."""
        if self._listing() is None:
            return False
        run_tool(["nft", "delete", "table", FAMILY, TABLE])
        return True

    def show(self) -> list[HookRule]:
        """Return our rules with their counters."""
        return parse_listing(self._listing() or "")

    def installed(self) -> bool:
        """Tell whether a rule of ours queues packets."""
        return any(rule.queues for rule in self.show())

    def _listing(self) -> str | None:
        # `list tables` succeeds where ours is missing; `list table` alone could not tell a missing
        # table from a kernel without nftables.
        if find_tool("nft") is None:
            return None
        try:
            tables = run_tool(["nft", "list", "tables"])
        except HookError as error:
            if lacks_nf_tables(error):
                return None
            raise
        if f"table {FAMILY} {TABLE}" not in tables.splitlines():
            return None
        return run_tool(["nft", "list", "table", FAMILY, TABLE])

"""The hook by iptables, legacy or on top of nf_tables: chains of our own behind one jump per hook.

The jumps stand in tables in which nobody filters, so that other people's DROP still drops, their
ACCEPT does not pass us by, and no rule of theirs is touched. Which table serves which hook is a
matter of hook priorities; docs/adr/0002-hook-after-filter.md has the reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from firewalld_py.service.hook_base import (
    CHAINS,
    HookError,
    HookRule,
    HookSpec,
    find_tool,
    lacks_nf_tables,
    run_tool,
)
from firewalld_py.service.hook_iptables_text import (
    PROBE_CHAIN,
    Present,
    parse_counted,
    parse_save,
    probe_script,
    table_script,
)

TABLES: Final = ("security", "mangle", "filter")
Layout = Mapping[str, str]
"""Which table holds the jump of each hook of CHAINS."""
# The `security` of legacy runs at priority 50, as the kernel has it, that of iptables-nft at 150.
# In INPUT this is behind the kernel's NAT (100): the answers to a connection that nat OUTPUT
# redirected would show another address than OUTPUT saw. There `mangle` (-150) takes its place.
LAYOUTS: Final[Mapping[str, tuple[Layout, ...]]] = {
    "nft": ({"forward": "security", "input": "mangle", "output": "security"},),
    "legacy": tuple(dict.fromkeys(CHAINS, table) for table in TABLES),
}
NETWORK: Final = Path("/proc/thread-self/net")
IPV4: Final = "iptables"
IPV6: Final = "ip6tables"

_LOCK_WAIT_S: Final = "5"


def kernel_has_ipv6(network: Path = NETWORK) -> bool:
    """Tell whether this network namespace has IPv6 at all (not: whether an address is set)."""
    return (network / "if_inet6").exists()


class IptablesBackend:
    """The hook in the tables of one iptables.

    `variant` is the suffix of the tools' names (`-legacy`, `-nft`, or none for those in use), and
    `kind` what stands behind them, `legacy` or `nft`.
    """

    def __init__(self, variant: str, kind: str, layout: Layout | None = None) -> None:
        self.name: Final = f"iptables-{kind}"
        self._variant = variant
        self._legacy = kind == "legacy"
        self._layout = layout or LAYOUTS[kind][0]
        # Whether it may be looked at where that could set up legacy tables; see _exists.
        self._in_use = not variant
        self._absent = False

    @property
    def table(self) -> str:
        """Return the tables in words, the usual one first."""
        usual = self._layout["forward"]
        other = [f"{table} for {hook}" for hook, table in self._layout.items() if table != usual]
        return ", ".join([usual, *other])

    def probe(self, spec: HookSpec) -> None:
        """Make a scratch chain with the rules of `spec` in every family, and delete it again.

        One table stands for all of a layout: where they differ, nf_tables is behind them, which
        takes the same rules in any table, and every change of it costs some 10 ms.
        """
        self._in_use = True
        table = self._layout[spec.hooks[0] if spec.hooks else CHAINS[0]]
        for family in _families():
            self._restore(family, probe_script(table, spec))
            self._restore(family, f"*{table}\n-F {PROBE_CHAIN}\n-X {PROBE_CHAIN}\nCOMMIT\n")

    def install(self, spec: HookSpec) -> list[str]:
        """Put the hook in, one step per table; what is there and equal keeps its counters."""
        self._in_use = True
        notes = []
        families = _families()
        for family in families:
            scripts = []
            for table in TABLES:
                hooks = self._hooks(table, spec)
                # A table that has nothing of ours and shall get nothing is not even made.
                if not hooks and not self._exists(family, table):
                    continue
                present = parse_save(self._save(family, table))
                scripts.append(table_script(table, hooks, spec, present))
                notes += _shadowed(family, table, hooks, present)
            # The new jumps go in before the old ones of another layout go out.
            self._restore(family, "".join(sorted(scripts, key=lambda script: " -I " not in script)))
        if IPV6 not in families:
            notes.append("this kernel has no IPv6: only IPv4 is hooked")
        return notes

    def remove(self) -> bool:
        """Take jumps and chains out, one step per table; the built-in chains stay as they are."""
        nothing = HookSpec(0, chains=())
        found = False
        for family, tables in self._existing().items():
            scripts = [
                table_script(table, (), nothing, parse_save(self._save(family, table)))
                for table in tables
            ]
            found = found or any(scripts)
            self._restore(family, "".join(scripts))
        return found

    def show(self) -> list[HookRule]:
        """Return our rules of both families with their counters."""
        rules = []
        for family, tables in self._existing().items():
            version = "ipv4" if family == IPV4 else "ipv6"
            for table in tables:
                saved = self._save(family, table, "-c")
                rules += parse_counted(saved, self.name, table, version)
        return rules

    def installed(self) -> bool:
        """Tell whether a jump leads to our chains in any family."""
        return any(
            parse_save(self._save(family, table)).jumps
            for family, tables in self._existing().items()
            for table in tables
        )

    def _hooks(self, table: str, spec: HookSpec) -> tuple[str, ...]:
        return tuple(hook for hook in spec.hooks if self._layout[hook] == table)

    def _existing(self) -> dict[str, list[str]]:
        """Return the tables of each family that may hold something of ours."""
        return {
            family: [table for table in TABLES if self._exists(family, table)]
            for family in _families()
            if find_tool(f"{family}{self._variant}-save") is not None
        }

    def _exists(self, family: str, table: str) -> bool:
        # iptables-legacy-save would make the kernel set up the table it looks at.
        if not self._legacy:
            return True
        names = NETWORK / ("ip_tables_names" if family == IPV4 else "ip6_tables_names")
        try:
            return table in names.read_text().split()
        except FileNotFoundError:
            return False
        except PermissionError:
            # The file is root's alone. A daemon that is not root lets the tool look, but only at
            # the iptables that is in use: others must not get tables by our looking.
            return self._in_use

    def _save(self, family: str, table: str, *options: str) -> str:
        """Return what iptables-save prints of one table, nothing where the kernel lacks it all."""
        if self._absent:
            return ""
        try:
            return run_tool([f"{family}{self._variant}-save", *options, "-t", table])
        except HookError as error:
            if not self._legacy and lacks_nf_tables(error):
                # One try is enough: each makes the kernel look for the module again.
                self._absent = True
                return ""
            raise

    def _restore(self, family: str, script: str) -> None:
        if script:
            tool = f"{family}{self._variant}-restore"
            run_tool([tool, "--noflush", "-w", _LOCK_WAIT_S], script)


def _families() -> tuple[str, ...]:
    return (IPV4, IPV6) if kernel_has_ipv6() else (IPV4,)


def _shadowed(family: str, table: str, hooks: tuple[str, ...], present: Present) -> list[str]:
    """Return a note when rules of others share a built-in chain with the hook.

    Accepting a queued packet sends it on to the next table, past the rest of this chain.
    """
    shadowed = [rule for rule in present.others if rule.split()[1].lower() in hooks]
    if not shadowed:
        return []
    note = (
        f"{family}, table {table}: the packets that firewalld-py accepts do not meet the "
        f"{len(shadowed)} other rules there; the first is {shadowed[0]!r}"
    )
    return [note]


def iptables_variants() -> list[tuple[str, str]]:
    """Return (suffix of the tools' names, kind) of each iptables here, the one in use first."""
    variants = []
    used = ""
    if find_tool("iptables") is not None:
        try:
            version = run_tool(["iptables", "-V"])
        except HookError:
            version = ""
        # Before 1.8 there was only what is called legacy now, and no word about it.
        used = "nft" if "(nf_tables)" in version else "legacy"
        variants.append(("", used))
    others = [kind for kind in LAYOUTS if kind != used and find_tool(f"iptables-{kind}")]
    return variants + [(f"-{kind}", kind) for kind in others]

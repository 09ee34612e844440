"""The kernel hook: the rules that lead packets to our queue, in the back end this kernel accepts.

`choose_backend` asks the kernel rather than guessing from versions. The caller binds the queue
before it installs the hook: with `bypass` off every packet is dropped from then on while nobody
judges it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from firewalld_py.policy.config import Config
from firewalld_py.service.hook_base import (
    Backend,
    HookError,
    HookNotPermittedError,
    HookRule,
    HookSpec,
    find_tool,
    require_net_admin,
)
from firewalld_py.service.hook_iptables import LAYOUTS, IptablesBackend, iptables_variants
from firewalld_py.service.hook_nft import NftBackend
from firewalld_py.service.hook_queues import listener, read_queues

__all__ = [
    "Backend",
    "HookError",
    "HookNotPermittedError",
    "HookRule",
    "HookSpec",
    "choose_backend",
    "install_hook",
    "other_daemon",
    "remove_everywhere",
    "require_net_admin",
    "show_everywhere",
    "spec_from_config",
]

WANTED: Final = ("auto", "nft", "iptables")
_PROBE_SPEC: Final = HookSpec(queue_number=0, queue_count=2, bypass=True)
_ADVICE: Final = (
    "Load the kernel's modules (modprobe -a nfnetlink_queue nft_queue, or xt_NFQUEUE xt_comment "
    "xt_mark) and see that the package nftables or iptables is installed."
)


def spec_from_config(config: Config) -> HookSpec:
    """Return the hook that the configuration asks for."""
    return HookSpec(
        queue_number=config.queue.number,
        chains=config.hook.chains,
        loopback=config.hook.loopback,
        bypass=config.fail == "open",
        exempt_mark=config.hook.reject_mark,
        defragment=True,
    )


def candidates(wanted: str) -> list[Backend]:
    """Return the back ends in the order in which they are tried, present or not."""
    if wanted not in WANTED:
        raise HookError(f"hook back end {wanted!r}: must be one of {', '.join(WANTED)}")
    found: list[Backend] = []
    if wanted != "iptables":
        found.append(NftBackend())
    if wanted != "nft":
        for variant, kind in iptables_variants():
            found += [IptablesBackend(variant, kind, layout) for layout in LAYOUTS[kind]]
    return found


def choose_backend(wanted: str = "auto", spec: HookSpec = _PROBE_SPEC) -> Backend:
    """Return the first back end by which the kernel takes `spec`; wanted: auto, nft or iptables.

    Raises HookNotPermittedError, or HookError that tells what was tried, what the kernel said, and
    what to do.
    """
    require_net_admin()
    refusals = []
    for backend in candidates(wanted):
        try:
            backend.probe(spec)
        except HookError as error:
            refusals.append(f"  {backend.name}, table {backend.table}: {_first_line(error)}")
        else:
            return backend
    if not refusals:
        refusals.append("  iptables is not installed")
    tried = "\n".join(refusals)
    raise HookError(f"the kernel takes no queueing rule from any back end:\n{tried}\n{_ADVICE}")


def install_hook(wanted: str, spec: HookSpec) -> tuple[Backend, list[str]]:
    """Choose a back end, install, and take out what an earlier choice left in another place.

    Returns the back end and notes for the administrator. A packet that met two hooks would be
    judged twice, hence the cleaning; the new hook stands before, so that nothing slips through.
    """
    backend = choose_backend(wanted, replace(spec, defragment=False))
    notes = []
    if spec.defragment:
        try:
            backend.probe(spec)
        except HookError as error:
            spec = replace(spec, defragment=False)
            notes.append(f"fragments are judged one by one: {_first_line(error)}")
    notes += backend.install(spec)
    for other in _present():
        if other.name == backend.name:
            continue
        try:
            if other.remove():
                notes.append(f"an older hook in {other.name} was removed")
        except HookError as error:
            # The hook that is wanted stands; this alone is no reason to stop.
            notes.append(f"could not look for an older hook in {other.name}: {error}")
    return backend, notes


def other_daemon(spec: HookSpec) -> str | None:
    """Who listens where a hook of ours leads to now, if that is not the queue of `spec`.

    None also if this cannot be told: the kernel shows its queues to root alone.
    """
    try:
        bound = {queue.number: queue for queue in read_queues()}
    except PermissionError:
        return None
    for rule in show_everywhere():
        first, last = rule.queues or (0, -1)
        for number in range(first, last + 1):
            if number in bound and not spec.queue_number <= number <= spec.last_queue:
                return listener(bound[number].port_id) or f"netlink port {bound[number].port_id}"
    return None


def remove_everywhere() -> list[str]:
    """Take the hook out of every back end; returns their names. Nothing there is no error.

    A back end that fails does not keep the others from being cleaned; HookError comes afterwards.
    """
    require_net_admin()
    removed: list[str] = []
    failures: list[str] = []
    for backend in _present():
        try:
            if backend.remove():
                removed.append(backend.name)
        except HookError as error:
            failures.append(f"{backend.name}: {error}")
    if failures:
        raise HookError("\n".join(failures))
    return removed


def show_everywhere() -> list[HookRule]:
    """Return our rules in every back end."""
    require_net_admin()
    return [rule for backend in _present() for rule in backend.show()]


def _present() -> list[Backend]:
    """Return one back end for each tool that is installed here."""
    found: list[Backend] = [NftBackend()] if find_tool("nft") else []
    return found + [IptablesBackend(variant, kind) for variant, kind in iptables_variants()]


def _first_line(error: HookError) -> str:
    return str(error).splitlines()[0]

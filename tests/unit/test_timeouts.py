"""Timeouts have the kernel's names and the kernel's defaults."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from firewalld_py.conntrack import tcp_states
from firewalld_py.conntrack.timeouts import TIMEOUT_DEFAULTS, Timeouts

# Printed in a namespace of its own: there the values are the kernel's defaults.
ASK_KERNEL = """
import pathlib
for path in pathlib.Path('/proc/sys/net/netfilter').glob('nf_conntrack_*timeout*'):
    print(path.name.removeprefix('nf_conntrack_'), path.read_text().strip())
"""


def test_each_tcp_state_has_its_timeout() -> None:
    timeouts = Timeouts({})
    for number, name in enumerate(tcp_states.STATE_NAMES[:10]):
        if number != tcp_states.NONE:
            assert timeouts.tcp[number] == TIMEOUT_DEFAULTS[f"tcp_timeout_{name.lower()}"]


def values(timeouts: Timeouts) -> list[float]:
    """All that the trackers read, in one row."""
    row: list[float] = []
    for name in sorted(set(dir(timeouts)) - set(dir(object))):
        value = [] if name.startswith("_") else getattr(timeouts, name)
        # Index 0 is no state's own.
        row += value[1:] if isinstance(value, list) else [value]
    return row


@pytest.mark.parametrize("name", TIMEOUT_DEFAULTS)
def test_each_timeout_can_be_changed_and_changes_alone(name: str) -> None:
    before, after = values(Timeouts({})), values(Timeouts({name: 777}))
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [777.0]


def test_an_unknown_name_is_an_error_that_names_it() -> None:
    with pytest.raises(KeyError, match="tcp_timeout_dreaming"):
        Timeouts({"tcp_timeout_dreaming": 1})


@pytest.mark.needs("root", "netns")
@pytest.mark.skipif(
    not Path("/proc/sys/net/netfilter/nf_conntrack_generic_timeout").exists(),
    reason="this kernel's connection tracking is not loaded",
)
def test_the_defaults_are_this_kernels() -> None:
    answer = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", ASK_KERNEL],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    kernel = {name: int(value) for name, value in map(str.split, answer.splitlines())}
    # The kernel has a time for SYN_SENT2 and no sysctl.
    ours = {name: value for name, value in TIMEOUT_DEFAULTS.items() if "syn_sent2" not in name}
    assert {name: kernel[name] for name in ours} == ours

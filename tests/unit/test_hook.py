"""What is said when no back end will do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from firewalld_py.service.hook import candidates, choose_backend, remove_everywhere, show_everywhere
from firewalld_py.service.hook_base import HookError

if TYPE_CHECKING:
    from pathlib import Path


def _no_tools(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    monkeypatch.setenv("PATH", str(directory))
    monkeypatch.setattr("firewalld_py.service.hook_base._SYSTEM_PATH", str(directory))
    monkeypatch.setattr("firewalld_py.service.hook.require_net_admin", lambda: None)


def _tool(directory: Path, name: str, said: str) -> None:
    """Put a tool in the directory that fails with these words."""
    tool = directory / name
    tool.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
    tool.chmod(0o755)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("auto", "nft is not installed"),
        ("nft", "nft is not installed"),
        ("iptables", "iptables is not installed"),
    ],
)
def test_a_machine_without_tools_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wanted: str, said: str
) -> None:
    _no_tools(monkeypatch, tmp_path)
    with pytest.raises(HookError) as failure:
        choose_backend(wanted)
    assert said in str(failure.value)
    assert "the package nftables or iptables is installed" in str(failure.value)


def test_a_refusal_quotes_the_tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _no_tools(monkeypatch, tmp_path)
    _tool(tmp_path, "nft", "Error: No such file or directory")
    with pytest.raises(HookError) as failure:
        choose_backend("nft")
    lines = str(failure.value).splitlines()
    assert lines[1] == (
        "  nft, table inet firewalld_py: nft -c -f -: Error: No such file or directory"
    )


@pytest.mark.parametrize(
    "said",
    [
        "netlink: Error: cache initialization failed: Invalid argument",
        "iptables-nft v1.8.9 (nf_tables): Could not fetch rule set generation id: Invalid argument",
        "netlink: Error: Unable to initialize Netlink socket: Protocol not supported",
    ],
)
def test_a_kernel_without_nf_tables_holds_nothing_and_that_is_no_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str
) -> None:
    _no_tools(monkeypatch, tmp_path)
    _tool(tmp_path, "nft", said)
    for family in ("iptables", "ip6tables"):
        _tool(tmp_path, f"{family}-nft", said)
        _tool(tmp_path, f"{family}-nft-save", said)
    assert remove_everywhere() == []
    assert show_everywhere() == []


def test_what_a_tool_refuses_for_another_reason_is_an_error_in_the_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _no_tools(monkeypatch, tmp_path)
    _tool(tmp_path, "nft", "Error: Could not receive tables from kernel: Permission denied")
    with pytest.raises(HookError, match="nft: nft list tables: Error: Could not receive"):
        remove_everywhere()


def test_an_unknown_back_end_is_refused_by_name() -> None:
    with pytest.raises(HookError, match="'ipfw': must be one of auto, nft, iptables"):
        candidates("ipfw")


def test_nft_is_tried_before_iptables() -> None:
    assert candidates("auto")[0].name == "nft"
    assert [backend.name for backend in candidates("nft")] == ["nft"]
    assert "nft" not in [backend.name for backend in candidates("iptables")]

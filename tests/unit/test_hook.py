"""What is said when no back end will do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from firewalld_py.service.hook import candidates, choose_backend
from firewalld_py.service.hook_base import HookError

if TYPE_CHECKING:
    from pathlib import Path


def _no_tools(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    monkeypatch.setenv("PATH", str(directory))
    monkeypatch.setattr("firewalld_py.service.hook_base._SYSTEM_PATH", str(directory))
    monkeypatch.setattr("firewalld_py.service.hook.require_net_admin", lambda: None)


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
    nft = tmp_path / "nft"
    nft.write_text("#!/bin/sh\necho 'Error: No such file or directory' >&2\nexit 1\n")
    nft.chmod(0o755)
    with pytest.raises(HookError) as failure:
        choose_backend("nft")
    lines = str(failure.value).splitlines()
    assert lines[1] == (
        "  nft, table inet firewalld_py: nft -c -f -: Error: No such file or directory"
    )


def test_an_unknown_back_end_is_refused_by_name() -> None:
    with pytest.raises(HookError, match="'ipfw': must be one of auto, nft, iptables"):
        candidates("ipfw")


def test_nft_is_tried_before_iptables() -> None:
    assert candidates("auto")[0].name == "nft"
    assert [backend.name for backend in candidates("nft")] == ["nft"]
    assert "nft" not in [backend.name for backend in candidates("iptables")]

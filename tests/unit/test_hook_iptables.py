"""Which iptables there is, and which tables it serves the hooks from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from firewalld_py.service.hook_iptables import IptablesBackend, iptables_variants, kernel_has_ipv6

if TYPE_CHECKING:
    from pathlib import Path


def _tools(directory: Path, version: str, *names: str) -> None:
    for name in names:
        tool = directory / name
        tool.write_text(f"#!/bin/sh\necho '{name} {version}'\n")
        tool.chmod(0o755)


@pytest.mark.parametrize(
    ("version", "names", "expected"),
    [
        ("v1.8.9 (nf_tables)", ("iptables",), [("", "nft")]),
        ("v1.8.9 (legacy)", ("iptables",), [("", "legacy")]),
        ("v1.6.1", ("iptables",), [("", "legacy")]),
        (
            "v1.8.9 (nf_tables)",
            ("iptables", "iptables-nft", "iptables-legacy"),
            [("", "nft"), ("-legacy", "legacy")],
        ),
        (
            "v1.8.9 (legacy)",
            ("iptables", "iptables-nft", "iptables-legacy"),
            [("", "legacy"), ("-nft", "nft")],
        ),
        ("", ("iptables-nft",), [("-nft", "nft")]),
        ("", (), []),
    ],
)
def test_the_iptables_in_use_comes_first(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    names: tuple[str, ...],
    expected: list[tuple[str, str]],
) -> None:
    _tools(tmp_path, version, *names)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("firewalld_py.service.hook_base._SYSTEM_PATH", str(tmp_path))
    assert iptables_variants() == expected


def test_ipv6_is_there_when_the_kernel_lists_its_addresses(tmp_path: Path) -> None:
    assert not kernel_has_ipv6(tmp_path)
    (tmp_path / "if_inet6").touch()
    assert kernel_has_ipv6(tmp_path)


def test_the_tables_are_named_in_words() -> None:
    assert IptablesBackend("-nft", "nft").table == "security, mangle for input"
    assert IptablesBackend("-legacy", "legacy").table == "security"

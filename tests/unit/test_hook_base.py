"""A wish is checked, tools run within bounds, the right to change the packet filter is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from firewalld_py.service.hook_base import (
    HookError,
    HookNotPermittedError,
    HookSpec,
    find_tool,
    require_net_admin,
    run_tool,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("number", "count"), [(-1, 1), (65536, 1), (65535, 2), (0, 0), (7, -1)], ids=str
)
def test_queue_numbers_that_no_kernel_has_are_refused(number: int, count: int) -> None:
    with pytest.raises(ValueError, match="numbers must lie in 0-65535"):
        HookSpec(number, count)


def test_the_last_queue_is_counted_from_the_first() -> None:
    assert HookSpec(65532, 4).last_queue == 65535
    assert HookSpec(5).last_queue == 5


def test_an_unknown_chain_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="chain 'prerouting': must be one of forward, input"):
        HookSpec(0, chains=("input", "prerouting"))


@pytest.mark.parametrize("mark", [-1, 1 << 32])
def test_a_mark_of_more_than_32_bits_is_refused(mark: int) -> None:
    with pytest.raises(ValueError, match="must fit into 32 bits"):
        HookSpec(0, exempt_mark=mark)


def test_chains_are_taken_once_each_whatever_their_order() -> None:
    assert HookSpec(0, chains=("output", "input", "output")).hooks == ("input", "output")


def test_a_missing_tool_is_named() -> None:
    assert find_tool("firewalld-py-no-such-tool") is None
    with pytest.raises(HookError, match="firewalld-py-no-such-tool is not installed"):
        run_tool(["firewalld-py-no-such-tool"])


def test_system_tools_are_found_without_their_directories_in_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("firewalld_py.service.hook_base._SYSTEM_PATH", "/bin:/usr/bin")
    assert find_tool("cat") is not None


def test_a_tool_reads_what_it_is_given_and_its_output_comes_back() -> None:
    assert run_tool(["cat"], "some\ntext") == "some\ntext"
    assert run_tool(["cat"]) == ""


def test_a_failing_tool_is_quoted_in_its_own_words() -> None:
    with pytest.raises(HookError, match=r"cat /nowhere/x: .*: No such file"):
        run_tool(["cat", "/nowhere/x"])


def test_a_tool_that_fails_without_a_word_is_reported_by_its_status() -> None:
    with pytest.raises(HookError, match="false: exit status 1"):
        run_tool(["false"])


def test_a_tool_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firewalld_py.service.hook_base.TOOL_TIMEOUT_S", 0.05)
    with pytest.raises(HookError, match=r"sleep 60: no answer within 0\.05 s"):
        run_tool(["sleep", "60"])


def test_the_right_to_change_the_packet_filter_is_read_from_the_capabilities(
    tmp_path: Path,
) -> None:
    status = tmp_path / "status"
    status.write_text("Name:\tx\nCapPrm:\t0000000000001000\nCapEff:\t0000000000000000\n")
    with pytest.raises(HookNotPermittedError, match="needs CAP_NET_ADMIN; run this as root"):
        require_net_admin(status)
    status.write_text("CapEff:\t0000000000001000\n")
    require_net_admin(status)

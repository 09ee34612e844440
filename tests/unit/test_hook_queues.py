"""The kernel's table of queues, and who owns a queue."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING

import pytest

from firewalld_py.service.hook_base import HookNotPermittedError
from firewalld_py.service.hook_queues import (
    QueueState,
    listener,
    parse_queues,
    read_queues,
    unbound,
)

if TYPE_CHECKING:
    from pathlib import Path

# Columns as the kernel pads them.
TABLE = """\
    7  -4273     0 2  2048     0     0        0  1
    3  24711    12 2  3900     5     2      190  1
"""


def test_every_column_finds_its_place_and_queues_come_in_order() -> None:
    assert parse_queues(TABLE) == [
        QueueState(3, 24711, 12, 3900, 5, 2),
        QueueState(7, -4273, 0, 2048, 0, 0),
    ]


def test_a_kernel_without_queues_has_none_bound(tmp_path: Path) -> None:
    assert read_queues(tmp_path) == []


def test_a_table_that_only_root_may_read_is_a_refusal_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_arguments: object) -> str:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.read_text", refuse)
    with pytest.raises(HookNotPermittedError, match="only root and its group may read"):
        read_queues(tmp_path)
    assert issubclass(HookNotPermittedError, PermissionError)


def test_unbound_are_the_wanted_numbers_that_nobody_took() -> None:
    assert unbound(range(2, 9), parse_queues(TABLE)) == [2, 4, 5, 6, 8]


def test_the_owner_of_a_netlink_port_is_found_by_its_socket() -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netlink:
        netlink.bind((0, 0))
        port_id = netlink.getsockname()[0]
        found = listener(port_id)
    assert found is not None
    assert found.endswith(f"[{os.getpid()}]")


def test_a_port_that_nobody_has_has_no_owner(tmp_path: Path) -> None:
    (tmp_path / "netlink").write_text("sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode\n")
    assert listener(4711, tmp_path) is None

"""Whom not to ban: the administrator's own session, and this machine."""

from __future__ import annotations

import ipaddress
import os
import subprocess
import sys

import pytest

from firewalld_py.cli.lockout import Network, objections, ssh_client

NAME_IT = "from firewalld_py.cli.lockout import ssh_client; print(ssh_client())"


def networks(*texts: str) -> list[Network]:
    return [ipaddress.ip_network(text) for text in texts]


@pytest.mark.parametrize(
    ("value", "client"),
    [
        ("198.51.100.7 50000 192.0.2.1 22", "198.51.100.7"),
        ("::ffff:198.51.100.7 50000 ::ffff:192.0.2.1 22", "198.51.100.7"),
        ("2001:db8::7 50000 2001:db8::1 22", "2001:db8::7"),
        ("fe80::7%eth0 50000 fe80::1%eth0 22", "fe80::7"),
    ],
)
def test_the_session_is_told_by_the_environment(
    monkeypatch: pytest.MonkeyPatch, value: str, client: str
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", value)
    assert ssh_client() == ipaddress.ip_address(client)


def test_below_sudo_the_shell_above_it_still_knows() -> None:
    environment = {**os.environ, "SSH_CONNECTION": "198.51.100.7 50000 192.0.2.1 22"}
    # A shell with the variable, and below it a process without: as sudo leaves it.
    command = f"env -u SSH_CONNECTION {sys.executable} -c '{NAME_IT}'; exit $?"
    done = subprocess.run(
        ["sh", "-c", command], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "198.51.100.7\n"


def test_outside_of_ssh_there_is_no_session() -> None:
    environment = {k: v for k, v in os.environ.items() if k != "SSH_CONNECTION"}
    environment["SSH_CONNECTION"] = "nonsense"
    done = subprocess.run(
        [sys.executable, "-c", "import os; os.environ['SSH_CONNECTION'] = ''; " + NAME_IT],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    above = ssh_client()  # this test may be run in a session itself
    assert done.stdout == f"{above}\n"


def test_ones_own_session_and_this_machine_are_named() -> None:
    client = ipaddress.ip_address("198.51.100.7")
    own = [bytes((192, 0, 2, 1)), bytes((127, 0, 0, 1))]
    assert objections(networks("203.0.113.9", "2001:db8::/32"), client, own) == []
    assert objections(networks("198.51.100.7"), client, own) == [
        "your ssh session comes from 198.51.100.7"
    ]
    assert objections(networks("198.51.100.0/24"), None, own) == []
    assert objections(networks("198.51.100.0/24", "192.0.2.1"), client, own) == [
        "your ssh session comes from 198.51.100.0/24 (198.51.100.7)",
        "192.0.2.1 is this machine itself",
    ]
    assert objections(networks("0.0.0.0/0"), client, own) == [
        "your ssh session comes from 0.0.0.0/0 (198.51.100.7)",
        "0.0.0.0/0 is this machine itself (127.0.0.1)",
    ]

"""Whom the administrator had better not ban: herself, and the gateway."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

MAX_ANCESTORS: Final = 64  # processes above this one
VARIABLE: Final = "SSH_CONNECTION"  # "client port server port", see sshd(8)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def ssh_client() -> Address | None:
    """Where the ssh session comes from in which this process runs.

    sudo takes the variable out of the environment; the shell above it still has it.
    """
    found = _client(os.environ.get(VARIABLE, ""))
    process = os.getppid()
    for _ in range(MAX_ANCESTORS):
        if found is not None or process <= 1:
            return found
        try:
            environment = Path(f"/proc/{process}/environ").read_bytes()
            parent = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            return None  # another user's, or it has ended
        for entry in environment.split(b"\0"):
            name, _, value = entry.decode(errors="replace").partition("=")
            if name == VARIABLE:
                found = _client(value)
        process = int(parent)
    return found


def _client(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.split(" ", maxsplit=1)[0].partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def objections(
    networks: Iterable[Network], client: Address | None, own: Iterable[bytes]
) -> list[str]:
    """Why these had better not be banned, a sentence each."""
    ours = [ipaddress.ip_address(octets) for octets in own]
    found = []
    for network in networks:
        name = str(network).removesuffix(f"/{network.max_prefixlen}")
        if client is not None and client in network:
            whose = "" if network.num_addresses == 1 else f" ({client})"
            found.append(f"your ssh session comes from {name}{whose}")
        local = sorted(address for address in ours if address in network)
        if local:
            which = "" if network.num_addresses == 1 else f" ({local[0]})"
            found.append(f"{name} is this machine itself{which}")
    return found

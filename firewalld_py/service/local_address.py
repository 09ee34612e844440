"""Whether an address is this machine's own."""

from __future__ import annotations

import socket


def is_own(address: bytes) -> bool:
    """Whether it can be bound here: the kernel knows best which addresses it has."""
    family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as trying:
        try:
            trying.bind((socket.inet_ntop(family, address), 0))
        except OSError:
            return False
    return True

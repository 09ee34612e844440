"""TUN devices: what is written to one the kernel receives, what it sends there can be read."""

from __future__ import annotations

import fcntl
import os
import struct
from typing import Final

TUNSETIFF: Final = 0x400454CA
IFF_TUN: Final = 0x0001
IFF_NO_PI: Final = 0x1000


def open_tun(name: str) -> int:
    """A new TUN device of the calling thread's namespace; its descriptor does not block.

    Packets are IP packets without anything before them, with their checksums filled in. OSError if
    there can be none.
    """
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        request = struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI)
        fcntl.ioctl(descriptor, TUNSETIFF, request)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor

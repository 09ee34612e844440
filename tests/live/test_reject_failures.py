"""What the Rejecter does when an answer cannot be sent."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6

from firewalld_py.packet.protocols import HOOK_FORWARD
from firewalld_py.service.messages import RejectEvent
from firewalld_py.service.reject import Rejecter, RejectError
from tests.lab.netns import Namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("root", "netns")

FOUR = bytes(IP(src="10.1.0.5", dst="192.0.2.1") / UDP())
SIX = bytes(IPv6(src="fd00:1::5", dst="fd00:2::9") / UDP())


@pytest.fixture
def rejecter() -> Iterator[Rejecter]:
    """In a namespace that has no routes at all."""
    namespace = Namespace(f"fwreject-{os.getpid()}")
    try:
        with namespace.entered():
            made = Rejecter(0x4000000)
            yield made
            made.close()
    finally:
        namespace.remove()


@pytest.mark.parametrize("head", [FOUR, SIX], ids=["ipv4", "ipv6"])
def test_a_failure_is_told_once_and_then_only_counted(rejecter: Rejecter, head: bytes) -> None:
    event = RejectEvent("port-unreachable", HOOK_FORWARD, 2, 3, head)
    with pytest.raises(RejectError, match="Network is unreachable"):
        rejecter.answer(event)
    assert rejecter.answer(event) == "failed"
    assert rejecter.counters() == {"sent": 0, "failed": 2}


def test_silence_is_counted_by_its_reason(rejecter: Rejecter) -> None:
    event = RejectEvent("tcp-reset", HOOK_FORWARD, 2, 3, FOUR)
    assert rejecter.answer(event) == "silent_not_tcp"
    assert rejecter.answer(event) == "silent_not_tcp"
    assert rejecter.counters() == {"sent": 0, "failed": 0, "silent_not_tcp": 2}

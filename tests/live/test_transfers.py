"""Bulk traffic through the firewall arrives as it was sent, with super-packets and without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.lab.daemon import Daemon
from tests.lab.servers import MEGABYTE, Download, echo, http_server, udp_listener, udp_server
from tests.lab.traffic import send_segmented, udp_answer, udp_socket
from tests.lab.world import SERVER4, SERVER6, World

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

RULES: Final = """
version: 1
filter:
  forward:
    policy: drop
    rules:
      - {name: answers, state: established, action: accept}
      - {name: lan out, in: lan0, out: wan0, state: new, action: accept}
"""
SEGMENT: Final = 1200


@pytest.fixture(scope="module", params=[True, False], ids=["gso on", "gso off"])
def judged(world: World, request: pytest.FixtureRequest) -> Iterator[Daemon]:
    """The daemon, with the queue's GSO flag on and then off."""
    with Daemon(world.gateway, RULES, {"queue": {"gso": request.param}}) as running:
        yield running


@pytest.mark.parametrize("address", [SERVER4, SERVER6])
def test_a_download_of_200_mb_arrives_intact(judged: Daemon, world: World, address: str) -> None:
    with http_server(world.server, address):
        assert Download(world.client, address, 200 * MEGABYTE).finish()
    # It was the firewall that let it through, not a way around it.
    judged.wait_status(lambda status: status["workers"][0]["packets"] > 1000)


def test_two_downloads_at_once_arrive_intact(judged: Daemon, world: World) -> None:
    with http_server(world.server, SERVER4), http_server(world.server, SERVER6):
        both = [Download(world.client, to, 20 * MEGABYTE) for to in (SERVER4, SERVER6)]
        for _ in range(20):
            for download in both:
                download.read(MEGABYTE)
        assert [download.finish() for download in both] == [True, True]


@pytest.mark.parametrize("address", [SERVER4, SERVER6])
def test_a_udp_super_packet_arrives_as_its_datagrams(
    judged: Daemon, world: World, address: str
) -> None:
    sent = bytes(number % 251 for number in range(50 * SEGMENT))
    with (
        udp_listener(world.server, address, 5001) as receiver,
        udp_socket(world.client, address, 5001) as sender,
    ):
        send_segmented(sender, sent, SEGMENT)
        datagrams = [receiver.recv(65535) for _ in range(50)]
    assert b"".join(datagrams) == sent


@pytest.mark.parametrize("address", [SERVER4, SERVER6])
def test_a_datagram_in_many_fragments_is_answered(
    judged: Daemon, world: World, address: str
) -> None:
    question = bytes(number % 251 for number in range(30_000))
    with (
        udp_server(world.server, address, 5002, echo),
        udp_socket(world.client, address, 5002) as udp,
    ):
        udp.send(question)
        assert udp_answer(udp, 5.0) == question

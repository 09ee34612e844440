"""The steps of the demo: what is sent, what must be decided about it, what must arrive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scapy.layers.inet import ICMP, IP, TCP

from tests.lab.capture import Capture
from tests.lab.servers import WELCOME, dns_answer, dns_question, fetch_page
from tests.lab.traffic import ping, send_packet, tcp_connect, trace, udp_ask
from tests.lab.world import CLIENT4, CLIENT6, FAR4, GATEWAY_LAN4, SERVER4, SERVER6, World

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.netns import Namespace

SILENCE_S: Final = 0.5
FENCE_ID: Final = 0xFE5C
NAME: Final = "www.example.net"


@dataclass(frozen=True, slots=True)
class Expected:
    """A packet of a step, found in the log by `like`, and what must be decided about it."""

    packet: str
    state: str
    verdict: str
    like: dict[str, str]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is sent: `send` does it and says what arrived; that must be `arrives`."""

    title: str
    send: Callable[[World], str]
    arrives: str
    packets: tuple[Expected, ...]


def _page(address: str) -> Callable[[World], str]:
    def send(world: World) -> str:
        return "the page" if fetch_page(world.client, address) == WELCOME else "another page"

    return send


def _telnet(world: World) -> str:
    # A telnet server listens: let through, the connection would come about.
    outcome = tcp_connect(world.client, SERVER4, 23)
    return "a reset: refused" if outcome == "refused" else outcome


def _dns(world: World) -> str:
    question = dns_question(NAME)
    answered = udp_ask(world.client, SERVER4, 53, question) == dns_answer(question)
    return "the answer" if answered else "no answer"


def _dns_to_nobody(world: World) -> str:
    answer = udp_ask(world.client, FAR4, 53, dns_question(NAME), timeout=SILENCE_S)
    return "nothing" if answer is None else f"{answer!r}"


def _ping(world: World) -> str:
    return "the reply" if ping(world.client, SERVER4) else "no reply"


def _trace(world: World) -> str:
    return " > ".join(trace(world.client, FAR4))


def _christmas(world: World) -> str:
    packet = IP(src=CLIENT4, dst=SERVER4) / TCP(sport=4000, dport=80, flags="FPU")
    return _past_the_gateway(world, world.client, packet, world.server)


def _unasked_answer(world: World) -> str:
    packet = IP(src=SERVER4, dst=CLIENT4) / TCP(sport=443, dport=4001, flags="SA")
    return _past_the_gateway(world, world.server, packet, world.client)


def _from_outside(world: World) -> str:
    packet = IP(src=SERVER4, dst=CLIENT4) / TCP(sport=4002, dport=22, flags="S")
    return _past_the_gateway(world, world.server, packet, world.client)


def _past_the_gateway(world: World, sender: Namespace, packet: IP, receiver: Namespace) -> str:
    """Send a packet and a ping behind it; when the ping has come, say if the packet came too."""
    with Capture(receiver, "eth0") as capture:
        send_packet(sender, packet)
        ping(world.client, SERVER4, FENCE_ID)
        seen = capture.until(lambda seen: ICMP in seen and seen[ICMP].id == FENCE_ID)
    came = [one for one in seen if TCP in one and one[TCP].sport == packet[TCP].sport]
    return "the packet" if came else "nothing"


STEPS: Final = (
    Step(
        "The client fetches a web page",
        _page(SERVER4),
        "the page",
        (
            Expected("TCP SYN to port 80", "NEW", "accept", {"SRC": CLIENT4, "DPT": "80"}),
            Expected("  its answer", "ESTABLISHED", "accept", {"DST": CLIENT4, "SPT": "80"}),
        ),
    ),
    Step(
        "The same over IPv6",
        _page(SERVER6),
        "the page",
        (
            Expected("TCP SYN over IPv6", "NEW", "accept", {"SRC": CLIENT6, "DPT": "80"}),
            Expected("  its answer", "ESTABLISHED", "accept", {"DST": CLIENT6, "SPT": "80"}),
        ),
    ),
    Step(
        "The client tries telnet, which is refused with a reset",
        _telnet,
        "a reset: refused",
        (Expected("TCP SYN to port 23", "NEW", "reject", {"SRC": CLIENT4, "DPT": "23"}),),
    ),
    Step(
        "The client asks a name server; DNS is not tracked (NOTRACK)",
        _dns,
        "the answer",
        (
            Expected("DNS question", "UNTRACKED", "accept", {"SRC": CLIENT4, "DPT": "53"}),
            Expected("  its answer", "UNTRACKED", "accept", {"DST": CLIENT4, "SPT": "53"}),
        ),
    ),
    Step(
        "It asks a host without a name server; an error about what is not tracked is not RELATED",
        _dns_to_nobody,
        "nothing",
        (
            Expected("DNS question to nobody", "UNTRACKED", "accept", {"DST": FAR4, "DPT": "53"}),
            Expected("  port unreachable", "INVALID", "drop", {"SRC": FAR4, "TYPE": "3"}),
        ),
    ),
    Step(
        "The client pings the server",
        _ping,
        "the reply",
        (
            Expected("echo request", "NEW", "accept", {"SRC": CLIENT4, "TYPE": "8"}),
            Expected("  echo reply", "ESTABLISHED", "accept", {"DST": CLIENT4, "TYPE": "0"}),
        ),
    ),
    Step(
        "The client traces the route to a far host",
        _trace,
        f"{GATEWAY_LAN4} > {SERVER4} > {FAR4}",
        (
            Expected("UDP with TTL 2", "NEW", "accept", {"DST": FAR4, "PROTO": "UDP", "TTL": "1"}),
            Expected("  time exceeded", "RELATED", "accept", {"SRC": SERVER4, "TYPE": "11"}),
            Expected("  port unreachable", "RELATED", "accept", {"SRC": FAR4, "TYPE": "3"}),
        ),
    ),
    Step(
        "The client sends a Christmas tree (FIN PSH URG); a ping behind it shows the way open",
        _christmas,
        "nothing",
        (Expected("TCP FIN PSH URG", "INVALID", "drop", {"SRC": CLIENT4, "SPT": "4000"}),),
    ),
    Step(
        "The server sends a SYN/ACK that nobody asked for; a ping follows",
        _unasked_answer,
        "nothing",
        (Expected("TCP SYN ACK unasked", "INVALID", "drop", {"SRC": SERVER4, "SPT": "443"}),),
    ),
    Step(
        "From outside comes a connection to the client's ssh; a ping follows",
        _from_outside,
        "nothing",
        (Expected("TCP SYN from outside", "NEW", "drop", {"SRC": SERVER4, "DPT": "22"}),),
    ),
)

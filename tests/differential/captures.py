"""What programs do whose helpers matter: captures of whole transfers, calls and chats.

Each is made live in the lab's world, where nothing filters, and says what came of it: that what
was sent has arrived, who opened the expected connections, and how much they carry at least.
"""

from __future__ import annotations

import random
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.differential.programs import Program
from tests.lab.irc import Arrival, Chatter, irc_server
from tests.lab.real_servers import ftp_daemon, tftp_daemon
from tests.lab.sip import call, write_call
from tests.lab.world import CLIENT4, CLIENT6, FAR4, SERVER4, SERVER6, World

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.lab.netns import Namespace

    # Serves a directory in a namespace on an address.
    Daemon = Callable[[Namespace, str, Path], AbstractContextManager[None]]
    # Does it all in a world with an IP version and a directory; raises if it does not work.
    Action = Callable[[World, int, Path], None]

OCTETS: Final = 100_000
FILE: Final = random.Random(21).randbytes(OCTETS)


@dataclass(frozen=True, slots=True)
class Expected:
    """Connections of one kind that a helper makes RELATED: who opens them, how many, with what."""

    protocol: str
    opener: str
    number: int = 1
    octets: int = 0


@dataclass(frozen=True, slots=True)
class Scene:
    """What is captured. `opener` of what is expected is client, server or far."""

    name: str
    act: Action
    expected: tuple[Expected, ...]
    needs: tuple[str, ...]
    families: tuple[int, ...] = (4, 6)


def _transfer(
    words: str, server: Daemon, arrives: str, world: World, family: int, directory: Path
) -> None:
    """Run a client; the file that `arrives` must be the one there was, if it is not empty."""
    Path(directory, "file").write_bytes(FILE)
    address = SERVER6 if family == 6 else SERVER4
    with server(world.server, address, directory):
        Program(words, frozenset()).run(world.client, family, str(directory))
    assert not arrives or Path(directory, arrives).read_bytes() == FILE


def _chat(world: World, family: int, directory: Path) -> None:
    """Two people; one offers a talk, then a file, and it is sent."""
    assert family == 4, "DCC is of IPv4"
    path = directory / "file"
    path.write_bytes(FILE)
    bob = Chatter(directory / "bob", "bob", SERVER4)
    alice = Chatter(directory / "alice", "alice", SERVER4, f"/dcc chat bob;/dcc send bob {path}")
    with ExitStack() as stack:
        server = stack.enter_context(irc_server(world.server, SERVER4))
        arrival = stack.enter_context(Arrival(bob.received))
        stack.enter_context(bob.online(world.far, server))
        stack.enter_context(alice.online(world.client, server))
        assert arrival.wait().read_bytes() == FILE


def _call(transport: str, world: World, family: int, directory: Path) -> None:
    ends = (CLIENT6, SERVER6) if family == 6 else (CLIENT4, SERVER4)
    call(world.client, ends[0], world.server, ends[1], transport, write_call(directory))


def _ftp(words: str, opener: str, arrives: str = "got", *, families: tuple[int, ...]) -> Scene:
    act = partial(_transfer, words, ftp_daemon, arrives)
    expected = Expected("tcp", opener, octets=OCTETS if arrives else 0)
    needs = ("pyftpdlib", words.split(maxsplit=1)[0])
    return Scene(f"FTP, {words}", act, (expected,), needs, families)


def _tftp(words: str, *, families: tuple[int, ...]) -> Scene:
    act = partial(_transfer, words, tftp_daemon, "got")
    # It is the answer of the server, with the first block, that opens the expected connection.
    expected = Expected("udp", "server", octets=OCTETS)
    return Scene(
        f"TFTP, {words}",
        act,
        (expected,),
        ("dnsmasq", words.split(maxsplit=1)[0]),
        families,
    )


_CURL: Final = "curl -sS -g --max-time 10"
_GET: Final = f"{_CURL} -o {{files}}/got"
_PUT: Final = f"{_CURL} -T {{files}}/file"
_URL: Final = "ftp://{host}"
_TNFTP: Final = "tnftp -{family}"

SCENES: Final = (
    _ftp(f"{_GET} --disable-epsv {_URL}/file", "client", families=(4,)),  # PASV
    _ftp(f"{_GET} {_URL}/file", "client", families=(4, 6)),  # EPSV
    _ftp(f"{_GET} --disable-eprt -P - {_URL}/file", "server", families=(4,)),  # PORT
    _ftp(f"{_GET} -P - {_URL}/file", "server", families=(4, 6)),  # EPRT
    _ftp(f"{_PUT} {_URL}/got", "client", families=(4, 6)),
    _ftp(f"{_PUT} -P - {_URL}/got", "server", families=(4, 6)),
    _ftp(f"{_CURL} -o {{files}}/list {_URL}/", "client", "", families=(4, 6)),
    _ftp(f"{_TNFTP} -o {{files}}/got {_URL}/file", "client", families=(4, 6)),
    _ftp(f"{_TNFTP} -A -o {{files}}/got {_URL}/file", "server", families=(4, 6)),
    _ftp(f"{_TNFTP} -u {_URL}/got {{files}}/file", "client", families=(4, 6)),
    _tftp(f"{_GET} tftp://{{host}}/file", families=(4, 6)),
    _tftp(f"{_GET} --tftp-blksize 1400 tftp://{{host}}/file", families=(4, 6)),
    _tftp("tftp -{family} -m binary {server} -c get file {files}/got", families=(4, 6)),
    Scene(
        "IRC, a talk and a file are offered (DCC CHAT and SEND)",
        _chat,
        (Expected("tcp", "far", 2, OCTETS),),
        ("irc.server", "weechat-headless"),
        (4,),
    ),
    *(
        Scene(
            f"SIP over {transport}, a call with media",
            partial(_call, transport),
            (Expected("udp", "client", octets=2000),),
            ("sipp", "ss"),
        )
        for transport in ("udp", "tcp")
    ),
)
ADDRESSES: Final = {
    "client": (CLIENT4, CLIENT6),
    "server": (SERVER4, SERVER6),
    "far": (FAR4,),
}

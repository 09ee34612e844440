"""Real programs, what they are told to do, and which states must be among those of their packets.

They run on the client of the lab's world, against servers on its server, through the gateway.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from tests.differential.file_servers import ftp_server, tftp_server
from tests.lab.netns import LabError
from tests.lab.real_servers import running
from tests.lab.servers import dns_answer, http_server, tcp_listener, udp_server
from tests.lab.world import FAR4, FAR6, SERVER4, SERVER6

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.lab.netns import Namespace

    # Serves in a namespace on an address while it lasts; gives a directory for the client, or "".
    Server = Callable[[Namespace, str], AbstractContextManager[str]]

SSH_PORT: Final = 2222
PROGRAM_TIMEOUT_S: Final = 20.0

NEW, ESTABLISHED, REPLY = "NEW", "ESTABLISHED", "ESTABLISHED reply"
RELATED, INVALID = "RELATED reply", "INVALID"
TALK: Final = frozenset((NEW, ESTABLISHED, REPLY))
ANSWERED: Final = frozenset((NEW, REPLY))
ERROR: Final = frozenset((NEW, RELATED))


def _nothing(namespace: Namespace, address: str) -> AbstractContextManager[str]:
    return nullcontext("")


@contextmanager
def http(namespace: Namespace, address: str) -> Iterator[str]:
    with http_server(namespace, address):
        yield ""


@contextmanager
def listening(namespace: Namespace, address: str) -> Iterator[str]:
    """An open TCP port 80, for those who only look whether it is."""
    with tcp_listener(namespace, address, 80):
        yield ""


@contextmanager
def _dns(namespace: Namespace, address: str) -> Iterator[str]:
    with udp_server(namespace, address, 53, dns_answer):
        yield ""


@contextmanager
def _ftp(namespace: Namespace, address: str) -> Iterator[str]:
    with ftp_server(namespace, address):
        yield ""


@contextmanager
def _tftp(namespace: Namespace, address: str) -> Iterator[str]:
    with tftp_server(namespace, address):
        yield ""


@contextmanager
def iperf(namespace: Namespace, address: str) -> Iterator[str]:
    command = ["iperf3", "--server", "--bind", address, "--forceflush"]
    with running(namespace, command, "listening"):
        yield ""


@contextmanager
def ssh(namespace: Namespace, address: str) -> Iterator[str]:
    """An SSH server with throw-away keys; the client's is `key` in the directory given."""
    home = pwd.getpwuid(os.geteuid()).pw_dir
    with TemporaryDirectory() as directory:
        Path(directory, ".ssh").mkdir(0o700)
        generate = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{directory}/key"]
        subprocess.run(generate, check=True)
        Path(directory, "key.pub").rename(f"{directory}/.ssh/authorized_keys")
        host = ["dropbearkey", "-t", "ed25519", "-f", f"{directory}/host"]
        subprocess.run(host, check=True, capture_output=True)
        # It looks for keys in the user's home and nowhere else: it is shown the directory there.
        script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
        server = ["dropbear", "-F", "-E", "-r", f"{directory}/host", "-P", f"{directory}/pid"]
        listen = ["-p", f"[{address}]:{SSH_PORT}" if ":" in address else f"{address}:{SSH_PORT}"]
        command = ["unshare", "--mount", "sh", "-c", script, "sh", directory, home]
        with running(namespace, [*command, *server, *listen], "Not backgrounding"):
            yield directory


@dataclass(frozen=True, slots=True)
class Program:
    """One call of a program.

    In its words {server} and {far} stand for addresses, {host} for the server's as in a URL,
    {family} for 4 or 6, {six} for -6 or nothing, and {files} for the directory that the server
    gives. `statuses` are the exit statuses that say it did what it was called for, `states` those
    that some of its packets must have.
    """

    words: str
    states: frozenset[str]
    server: Server = _nothing
    statuses: tuple[int, ...] = (0,)
    families: tuple[int, ...] = (4, 6)
    needs: tuple[str, ...] = ()

    def command(self, family: int, files: str) -> list[str]:
        """The call for one IP version."""
        server, far = (SERVER6, FAR6) if family == 6 else (SERVER4, FAR4)
        host = f"[{server}]" if family == 6 else server
        six = "-6" if family == 6 else ""
        return self.words.format(
            server=server, far=far, host=host, family=family, six=six, files=files
        ).split()

    def run(self, namespace: Namespace, family: int, files: str) -> None:
        """Run it to its end; LabError with its words when it did not do what it was called for."""
        command = self.command(family, files)
        with namespace.entered():
            done = subprocess.run(
                command,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=PROGRAM_TIMEOUT_S,
            )
        if done.returncode not in self.statuses:
            raise LabError(f"{' '.join(command)}: exit status {done.returncode}: {done.stdout}")


CURL: Final = "curl -sS -g --max-time 10 -o /dev/null"
SSH: Final = (
    f"ssh -F none -p {SSH_PORT} -i {{files}}/key -o IdentitiesOnly=yes -o BatchMode=yes"
    " -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=10 {server}"
)
NMAP: Final = "nmap {six} -n -Pn --max-retries 1 --send-ip"
_HPING: Final = "hping3 -n -q -c 3 -i u10000"
_TRACE: Final = "traceroute -{family} -n -q 1 -w 1"
SSH_NEEDS: Final = ("dropbear", "dropbearkey", "ssh-keygen")


def _hping(words: str, *states: str, server: Server = _nothing) -> Program:
    # Its status is 1 when nothing came back, which a scan need not get.
    return Program(f"{_HPING} {words} {{server}}", frozenset(states), server, (0, 1), (4,))


PROGRAMS: Final = (
    Program(f"{CURL} http://{{host}}/bytes/300000", TALK, http),
    Program(f"{CURL} http://{{host}}/ http://{{host}}/bytes/5000", TALK, http),
    Program(f"{CURL} http://{{host}}:9/", ANSWERED, statuses=(7,)),
    Program(f"{CURL} ftp://{{host}}/file", TALK, _ftp),
    Program(f"{CURL} --ftp-port - ftp://{{host}}/file", TALK, _ftp),
    Program(f"{CURL} tftp://{{host}}/file", TALK, _tftp),
    Program(f"{SSH} true", TALK, ssh, needs=SSH_NEEDS),
    Program(f"{SSH} head -c 100000 /dev/zero", TALK, ssh, needs=SSH_NEEDS),
    Program("dig +time=2 +tries=1 @{server} example.org", ANSWERED, _dns),
    Program("dig +time=1 +tries=1 -p 54 @{server} example.org", ERROR, statuses=(9,)),
    Program("iperf3 -n 1M -c {server}", TALK, iperf),
    Program("iperf3 -R -n 1M -c {server}", TALK, iperf),
    Program("iperf3 -u -b 20M -n 200K -c {server}", TALK, iperf),
    Program("ping -n -{family} -c 3 -i 0.1 {server}", ANSWERED),
    Program("ping -n -{family} -c 2 -i 0.1 -s 4000 {server}", ANSWERED),
    Program("ping -n -{family} -c 1 -W 1 -t 1 {server}", frozenset((NEW, INVALID)), statuses=(1,)),
    Program(f"{_TRACE} {{far}}", ERROR),
    Program(f"{_TRACE} -I {{far}}", ERROR),
    Program(f"{_TRACE} -T -p 80 {{far}}", frozenset((NEW, RELATED, REPLY))),
    Program(f"{NMAP} -sS -p 20-25,80,443 {{server}}", ANSWERED, listening),
    Program(f"{NMAP} -sT -p 20-25,80,443 {{server}}", ANSWERED, listening),
    Program(f"{NMAP} -sA -p 20-25,80 {{server}}", ANSWERED, listening),
    Program(f"{NMAP} -sF -p 20-25,80 {{server}}", frozenset((INVALID,)), listening),
    Program(f"{NMAP} -sX -p 20-25,80 {{server}}", frozenset((INVALID,)), listening),
    Program(f"{NMAP} -sN -p 20-25,80 {{server}}", frozenset((INVALID,)), listening),
    Program(f"{NMAP} -sU -p 53,54,69 {{server}}", ERROR, _dns),
    _hping("-S -p 80", NEW, REPLY, server=listening),
    _hping("-A -p 80", NEW, REPLY, server=listening),
    _hping("-R -p 80", INVALID),
    _hping("-F -p 80", INVALID),
    _hping("-S -A -p 80", INVALID),
    _hping("-S -F -p 80", INVALID),
    _hping("-F -P -U -p 80", INVALID),
    _hping("-X -p 80", INVALID),
    _hping("-Y -p 80", INVALID),
    _hping("-S -b -p 80", INVALID),
    _hping("-S -f -d 100 -p 80", NEW, REPLY, server=listening),
    _hping("--udp -p 54", NEW, RELATED),
    _hping("--icmp", NEW, REPLY),
    _hping("--icmp -C 13", NEW, REPLY),
    _hping("--rawip -H 200", NEW, RELATED),
)

"""A telephone call: two SIPp, of which one calls, plays a recording, and hangs up."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.lab.netns import LabError, run_command
from tests.lab.real_servers import START_TIMEOUT_S, in_url, run_program, running

if TYPE_CHECKING:
    from tests.lab.netns import Namespace

SIP_PORT: Final = 5060
# Where both receive the media of the first call; two further for each call behind it.
FIRST_MEDIA_PORT: Final = 6000
RECORDINGS: Final = Path("/usr/share/sip-tester")
# What is otherwise than in SIPp's own script: it plays shorter (a packet each 20 ms), and an IPv6
# address stands in SDP without brackets (RFC 8866 section 5.7).
CHANGES: Final = {
    '<pause milliseconds="8000"/>': '<pause milliseconds="300"/>',
    '<pause milliseconds="1000"/>': '<pause milliseconds="100"/>',
    "c=IN IP[local_ip_type] [local_ip]": "c=IN IP[media_ip_type] [media_ip]",
}


def write_call(directory: Path) -> Path:
    """The script of a caller with media that SIPp brings, shortened; its recordings beside it."""
    words = ["sipp", "-sd", "uac_pcap"]
    script = subprocess.run(words, check=False, capture_output=True, text=True).stdout
    for theirs, ours in CHANGES.items():
        if theirs not in script:
            raise LabError(f"SIPp's script of a call with media does not have {theirs}")
        script = script.replace(theirs, ours)
    # It is run in this directory, and names them as in "pcap/g711a.pcap".
    (directory / "pcap").symlink_to(RECORDINGS)
    path = directory / "call.xml"
    path.write_text(script)
    return path


def media_port(number: int) -> int:
    """Where both ends of a call receive media."""
    return FIRST_MEDIA_PORT + 2 * number


def call(
    caller: Namespace,
    calling: str,
    callee: Namespace,
    called: str,
    transport: str,
    script: Path,
    number: int = 0,
) -> None:
    """One call from address to address over udp or tcp, whose media are echoed; or LabError.

    Calls of another `number` share no port of the caller's, and no connection with this one.
    """
    ways = ["-t", f"{transport[0]}1", "-m", "1", "-nostdin", "-mp", str(media_port(number))]
    answer = ["sipp", *_at(called, SIP_PORT), *ways, "-sn", "uas", "-rtp_echo"]
    ask = ["sipp", *_at(calling, SIP_PORT + number), *ways, "-sf", str(script), "-timeout", "10"]
    with running(callee, answer, directory=script.parent):
        _wait_for_listener(callee, transport)
        status, said = run_program(caller, [*ask, f"{in_url(called)}:{SIP_PORT}"], script.parent)
    if status != 0:
        raise LabError(f"the call failed, exit status {status}: {said[-500:]}")


def _wait_for_listener(callee: Namespace, transport: str) -> None:
    """SIPp says nothing when it is up; so ask the kernel for its socket."""
    words = ["ss", f"-Hln{transport[0]}", "sport", "=", f":{SIP_PORT}"]
    end = time.monotonic() + START_TIMEOUT_S
    with callee.entered():
        while not run_command(words):
            if time.monotonic() > end:
                raise LabError(f"nothing listens to {transport} port {SIP_PORT}")


def _at(address: str, port: int) -> list[str]:
    return ["-i", address, "-mi", address, "-p", str(port)]

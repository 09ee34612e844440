"""A telephone call: two SIPp, of which one calls, plays a recording, and hangs up."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.lab.netns import LabError, run_command
from tests.lab.real_servers import START_TIMEOUT_S, running

if TYPE_CHECKING:
    from tests.lab.netns import Namespace

SIP_PORT: Final = 5060
RECORDINGS: Final = Path("/usr/share/sip-tester")
CALL_TIMEOUT_S: Final = 20.0
# What is otherwise in SIPp's own script: it plays shorter (a packet each 20 ms), and an IPv6 address
# stands in SDP without brackets (RFC 8866 section 5.7).
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
    (directory / "pcap").symlink_to(RECORDINGS)
    path = directory / "call.xml"
    path.write_text(script)
    return path


def call(
    caller: Namespace, calling: str, callee: Namespace, called: str, transport: str, script: Path
) -> None:
    """One call from address to address over udp or tcp, whose media are echoed; or LabError."""
    ways = ["-t", f"{transport[0]}1", "-m", "1", "-nostdin", "-p", str(SIP_PORT)]
    answer = ["sipp", *_at(called), *ways, "-sn", "uas", "-rtp_echo"]
    ask = ["sipp", *_at(calling), *ways, "-sf", str(script), "-timeout", "10"]
    host = f"[{called}]" if ":" in called else called
    with running(callee, answer, directory=script.parent), caller.entered():
        _wait_for_listener(callee, transport)
        done = subprocess.run(
            [*ask, f"{host}:{SIP_PORT}"],
            check=False,
            cwd=script.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=CALL_TIMEOUT_S,
        )
    if done.returncode != 0:
        raise LabError(f"the call failed, exit status {done.returncode}: {done.stdout[-2000:]}")


def _wait_for_listener(callee: Namespace, transport: str) -> None:
    """SIPp says nothing when it is up; so ask the kernel for its socket."""
    words = ["ss", f"-Hln{transport[0]}", "sport", "=", f":{SIP_PORT}"]
    end = time.monotonic() + START_TIMEOUT_S
    with callee.entered():
        while not run_command(words):
            if time.monotonic() > end:
                raise LabError(f"nothing listens to {transport} port {SIP_PORT}")


def _at(address: str) -> list[str]:
    return ["-i", address, "-mi", address]

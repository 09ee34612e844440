"""What is done on the booted gateway: run there as a service, by the system's own Python.

Writes what it saw as JSON to the file named as its argument, then powers the machine off; the
asserts are in test_boot.py. Standard library alone: it runs where the project is not.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

RULES = Path("/etc/firewalld-py/rules.yaml")
ADDRESS = "10.99.0.1"
WAIT_S = 30.0


def run(*words: str) -> dict[str, Any]:
    """Run a command; its exit status and what it said."""
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=60)
    return {"status": done.returncode, "output": done.stdout + done.stderr}


def unit() -> dict[str, str]:
    """The properties of the service that the tests look at."""
    names = "ActiveState,StatusText,NRestarts,Result,MainPID"
    lines = run("systemctl", "show", "firewalld-py", "-p", names)["output"].splitlines()
    return dict(line.split("=", 1) for line in lines)


def wait_for(wanted: dict[str, str]) -> dict[str, str]:
    """The unit's properties once they are as wanted, or as they are when time is up."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        found = unit()
        if wanted.items() <= found.items():
            break
        time.sleep(0.1)
    return unit()


def connect(port: int) -> str:
    """How a connection from the client's namespace to a port of the gateway ends, in one word."""
    code = (
        "import socket, sys\n"
        "client = socket.socket(); client.settimeout(2)\n"
        "try: client.connect((sys.argv[1], int(sys.argv[2]))); print('open')\n"
        "except ConnectionRefusedError: print('refused')\n"
        "except TimeoutError: print('silence')\n"
    )
    words = ["ip", "netns", "exec", "client", sys.executable, "-c", code, ADDRESS, str(port)]
    output: str = run(*words)["output"]
    return output.strip()


def make_network() -> None:
    """A client beside the gateway."""
    for line in (
        "netns add client",
        "link add lan0 type veth peer name eth0 netns client",
        f"addr add {ADDRESS}/24 dev lan0",
        "link set lan0 up",
        "-n client addr add 10.99.0.2/24 dev eth0",
        "-n client link set eth0 up",
    ):
        subprocess.run(["ip", *line.split()], check=True)


def process_facts(pid: str) -> dict[str, str]:
    """What the kernel says of the daemon's process, by the names in /proc/PID/status."""
    lines = Path("/proc", pid, "status").read_text().splitlines()
    return {name: value.strip() for name, value in (line.split(":", 1) for line in lines)}


def judge_traffic() -> dict[str, str]:
    """One port that the rules open, one that they refuse, one that they say nothing of."""
    with socket.create_server((ADDRESS, 80)), socket.create_server((ADDRESS, 82)):
        return {"80": connect(80), "81": connect(81), "82": connect(82)}


def watch() -> dict[str, Any]:
    """Go through the life of the service, and note what is seen."""
    seen: dict[str, Any] = {"started": unit()}
    seen["process"] = process_facts(seen["started"]["MainPID"])
    make_network()
    seen["traffic"] = judge_traffic()
    run("journalctl", "--sync")
    seen["journal"] = run("journalctl", "-u", "firewalld-py", "FW_ACTION=reject", "-o", "json")
    good = RULES.read_text()
    seen["reload"] = run("systemctl", "reload", "firewalld-py")
    RULES.write_text(good + "nonsense: 1\n")
    seen["broken reload"] = run("systemctl", "reload", "firewalld-py")
    seen["after broken reload"] = unit()
    RULES.write_text(good)
    os.kill(int(seen["started"]["MainPID"]), signal.SIGSTOP)
    seen["after a standstill"] = wait_for({"NRestarts": "1", "ActiveState": "active"})
    seen["traffic after a standstill"] = judge_traffic()
    seen["stop"] = run("systemctl", "stop", "firewalld-py")
    seen["stopped"] = unit()
    seen["traffic when stopped"] = judge_traffic()
    seen["log"] = run("journalctl", "-u", "firewalld-py", "-o", "short-monotonic")["output"]
    return seen


if __name__ == "__main__":
    try:
        result = watch()
    except Exception as error:  # whatever it is, the tests shall show it
        result = {"error": repr(error), "log": run("journalctl", "-n", "200")["output"]}
    Path(sys.argv[1]).write_text(json.dumps(result))
    subprocess.run(["systemctl", "poweroff"], check=True)

"""A disagreement as a file that needs nothing else: switches, packets in hex, both answers.

    # what differs
    with tcp_loose=0
    packet 4500...        # a packet in hex; the lines behind it explain it
      10.0.0.1 > 10.0.0.2 tcp ...
      kernel NEW, ours NEW

Only `with` and `packet` lines are read back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from firewalld_py.service.capture import Capture
from tests.differential.compare import HELD, Judged
from tests.differential.describe import describe
from tests.differential.sequence import Sent, Sequence

if TYPE_CHECKING:
    from pathlib import Path


class CaseError(Exception):
    """A case file cannot be read; the message says where and why."""


def case_text(sequence: Sequence, history: list[Judged]) -> str:
    """The case as text; `history` is that of the sequence's packets."""
    lines = [f"# {sequence.name}"]
    lines += [f"# {judged.kind()}" for judged in history[-1:] if judged.differs]
    if sequence.switches:
        lines.append(f"with {' '.join(f'{k}={v}' for k, v in sequence.switches.items())}")
    for number, judged in enumerate(history, 1):
        lines.append(f"packet {judged.data.hex()}")
        lines.append(f"  {number}. {describe(judged.data)}")
        lines.append(f"     {answers_text(judged)}")
        if judged.table:
            lines.append(f"     our table: {judged.table}")
    return "\n".join(lines) + "\n"


def answers_text(judged: Judged) -> str:
    """Both answers in words."""
    note = f" [{judged.note}]" if judged.note else ""
    if judged.kernel is None and judged.ours is None:
        return f"no answer{note} {judged.reason}".rstrip()
    late = "" if judged.forwarded or judged.kernel is None else " (not forwarded)"
    mark = " <<<" if judged.differs else ""
    ours = f"{judged.ours or HELD} {judged.reason}".strip()
    return f"kernel {judged.kernel or HELD}{late}, ours {ours}{note}{mark}"


def read_capture(path: Path) -> Sequence:
    """The IP packets of a capture, as far as they are whole. Raises CaptureError."""
    with Capture(str(path)) as capture:
        frames = [frame.data for frame in capture if frame.data is not None and not frame.truncated]
    return Sequence(path.name, [Sent(data) for data in frames])


def read_case(path: Path) -> Sequence:
    """The sequence that a case file holds. Raises CaseError."""
    packets: list[Sent] = []
    switches: dict[str, int] = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        word, _, rest = line.partition(" ")
        try:
            if word == "packet":
                packets.append(Sent(bytes.fromhex(rest.split("#")[0])))
            elif word == "with":
                pairs = (pair.partition("=") for pair in rest.split())
                switches |= {name: int(value) for name, _, value in pairs}
        except ValueError as fault:
            raise CaseError(f"{path}:{number}: {fault}") from fault
    if not packets:
        raise CaseError(f"{path}: no `packet` line in it")
    return Sequence(path.name, packets, switches)

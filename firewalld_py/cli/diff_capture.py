"""The packets of a capture that fare differently under two rule sets: two firewalls side by side.

Each has a state table of its own, and both have the capture's clock.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, replace
from itertools import tee
from typing import TYPE_CHECKING, Any, Final

from firewalld_py.cli.explain_text import verdict_text
from firewalld_py.cli.replay import Replay
from firewalld_py.policy.behaviour_diff import fate_of, known_rules
from firewalld_py.policy.condition_text import packet_line

if TYPE_CHECKING:
    from firewalld_py.cli.replay_routes import Routes
    from firewalld_py.pipeline import Decision
    from firewalld_py.policy.config import Config
    from firewalld_py.policy.rule_diff import Version
    from firewalld_py.policy.rule_pairs import Pair

SHOWN: Final = 20  # packets; the rest is counted


@dataclass(frozen=True, slots=True)
class Changed:
    """A packet of the capture, by its number from 1, whose verdict changes."""

    number: int
    time: float
    packet: str
    old: str
    new: str
    old_state: str
    new_state: str


class CaptureDiff:
    """What two rule sets make of one capture."""

    def __init__(
        self,
        config: Config,
        versions: tuple[Version, Version],
        chain: str,
        routes: Routes,
        pairs: list[Pair],
    ) -> None:
        self._old, self._new = (
            Replay(config, None, chain, routes, (one.policy, one.plan)) for one in versions
        )
        self._known = known_rules(pairs)
        self.packets = 0
        self.changed = 0
        self.otherwise = 0  # the same verdict, by another rule or in another state
        self.kinds: Counter[tuple[str, str]] = Counter()
        self.shown: list[Changed] = []
        self.error = ""

    def read(self, path: str, *, everything: bool) -> bool:
        """Judge all packets; False if the capture could not be read to its end."""
        from firewalld_py.service.capture import Capture, CaptureError  # noqa: PLC0415 - scapy

        try:
            with Capture(path) as capture:
                self._new.tell_about_interfaces()
                frames = tee(capture)
                both = zip(self._old.judged(frames[0]), self._new.judged(frames[1]), strict=True)
                for number, ((frame, old), (_same, new)) in enumerate(both, 1):
                    self.packets += 1
                    if old is not None and new is not None:
                        self._compare(number, frame.time, old, new, everything)
        except CaptureError as error:
            self.error = str(error)
            print(f"firewalld-py: {error}", file=sys.stderr)
            return False
        return True

    def _compare(
        self, number: int, time: float, old: Decision, new: Decision, everything: bool
    ) -> None:
        was, is_ = fate_of(old), fate_of(new)
        if was.verdict == is_.verdict:
            self.otherwise += replace(was, by=self._known.get(was.by, was.by)) != is_
            return
        self.changed += 1
        texts = verdict_text(old), verdict_text(new)
        self.kinds[texts] += 1
        if everything or len(self.shown) < SHOWN:
            line = packet_line(new.packet)
            self.shown.append(Changed(number, time, line, *texts, was.state, is_.state))

    def as_json(self) -> dict[str, Any]:
        """All of it by name."""
        return {
            "packets": self.packets,
            "changed": self.changed,
            "same_verdict_otherwise": self.otherwise,
            "error": self.error or None,
            "kinds": [
                {"old": old, "new": new, "packets": count}
                for (old, new), count in self.kinds.most_common()
            ],
            "shown": [
                {
                    "n": one.number, "time": one.time, "packet": one.packet,
                    "old": {"verdict": one.old, "state": one.old_state},
                    "new": {"verdict": one.new, "state": one.new_state},
                }
                for one in self.shown
            ],
        }  # fmt: skip

"""Imported rule sets beside the kernel's own: the same packets, packet by packet, and the sum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from firewalld_py.imports.steps import Left
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.pipeline import Firewall
from firewalld_py.rules.verdicts import ACCEPT
from tests.differential.kernel import KernelJudge
from tests.differential.test_tracking_rules import hops_of, with_hops


class Rounds:
    """Gathers what became of each rule set; `conclude` asserts that none differs."""

    def __init__(self, kernel: KernelJudge) -> None:
        self._kernel = kernel
        self._reasons: Counter[str] = Counter()
        self._whole = self._differing = self._accepted = self._judged = 0
        self._first = ""

    def is_whole(self, left: Sequence[Left]) -> bool:
        """Whether nothing that matters was left out of a rule set, which can be compared then."""
        self._reasons.update(one.reason for one in left)
        return all(one.nearly for one in left)

    def compare(self, firewall: Firewall, sent: Iterable[bytes], shown: str) -> None:
        """Send packets through the kernel and ours, up to the first that differs.

        `shown` tells of the rule set.
        """
        self._whole += 1
        self._kernel.flush()
        for at, data in enumerate(sent):
            _, passes = self._kernel.judge(data)
            seen = with_hops(data, hops_of(data) - 1)  # as FORWARD sees it
            decision = firewall.handle(seen, PacketMeta(in_index=1, out_index=2), at * 0.001)
            self._judged += 1
            self._accepted += passes
            if passes != (decision.verdict == ACCEPT):
                self._differing += 1
                rule = decision.rule.line if decision.rule else "policy"
                place = f"packet {at} {data.hex()}: kernel {passes}, ours by {rule}"
                self._first = self._first or f"{place}\n{shown}"
                return

    def conclude(self, rule_sets: int) -> None:
        """Nothing differs, most rule sets were compared, and their packets fared both ways."""
        print(
            f"{self._whole} rule sets, {self._judged} packets, {self._accepted} accepted, "
            f"{self._differing} differ;",
            self._reasons.most_common(8),
        )
        assert not self._differing, f"{self._differing} of {self._whole} rule sets: {self._first}"
        assert self._whole > rule_sets // 2
        assert self._judged // 10 < self._accepted < self._judged - self._judged // 10

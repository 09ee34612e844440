"""How often something changed on which the answers of a rule set's conditions depend."""

from __future__ import annotations


class Changes:
    """One for a whole rule set: what is remembered of its answers counts while `count` stays."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def note(self) -> None:
        self.count += 1

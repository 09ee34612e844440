"""What a rule can say of a packet."""

from __future__ import annotations

from typing import Final

# Verdicts of a rule. DROP and ACCEPT are also the kernel's numbers (NF_DROP, NF_ACCEPT).
DROP: Final = 0
ACCEPT: Final = 1
REJECT: Final = 2
NOTRACK: Final = 3
CONTINUE: Final = 4
# Where to go on: in another chain and then behind this rule, in another chain instead of the rest
# of this one, or behind the rule that led to this chain.
JUMP: Final = 5
GOTO: Final = 6
RETURN: Final = 7

VERDICT_NAMES: Final[tuple[str, ...]] = (
    *("drop", "accept", "reject", "notrack", "continue", "jump", "goto", "return"),
)
# What a rule that is met means for the chain it stands in.
GO_ON: Final = 0
LEAVE: Final = 1
JUDGED: Final = 2

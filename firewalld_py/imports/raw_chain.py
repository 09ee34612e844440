"""Raw chains in the kernel's way: NOTRACK and CT do not end them there, and the first of them wins.

As net/netfilter/xt_CT.c: what has a template already keeps it. In ours `notrack` ends the chain,
and a later template adds to an earlier one. Where that matters, the rest of the chain is put before
the rule, for the packets that meet it, and the rule ends the chain.
"""

from __future__ import annotations

from dataclasses import replace

from firewalld_py.imports.conditions import NotExpressible, conjoined
from firewalld_py.imports.ruling import COUNTING
from firewalld_py.imports.steps import Step

Faults = list[tuple[Step, str]]


def in_kernels_way(steps: list[Step]) -> tuple[list[Step], Faults]:
    """The same chain by our rules; and the steps that cannot be had, with the reason."""
    result: list[Step] = []
    faults: Faults = []
    for at, step in enumerate(steps):
        if not _tracks(step):
            result.append(step)
            continue
        try:
            rest = _rest(step, steps[at + 1 :])
        except NotExpressible as fault:
            faults.append((step, fault.reason))
            continue
        if "mark" in step.conditions and any(_marks(other) for other in rest):
            faults.append((step, "the mark that it asks for is changed later in the chain"))
        elif all(_harmless(step, other) for other in rest):
            result.append(step)
        elif any(key in one.conditions for key in COUNTING for one in (step, *rest)):
            faults.append((step, "what counts packets would have to stand there twice"))
        else:
            result += [_before(step, other) for other in rest if not _tracks(other)]
            result.append(_ending(step))
    return result, faults


def _marks(step: Step) -> bool:
    return any(target.kind == "mark" for target in step.action.targets)


def _tracks(step: Step) -> bool:
    """Whether it is a CT or NOTRACK of the kernel."""
    return step.action.verdict == "notrack" or bool(step.action.tracking)


def _rest(step: Step, later: list[Step]) -> list[Step]:
    """What follows for packets that meet the step, as far as the rule that surely ends it."""
    found: list[Step] = []
    for other in later:
        if other.is_left_out():
            continue
        # A mark may be changed between the two: then nothing is known of it.
        conditions = conjoined(step.conditions, other.conditions)
        if conditions is not None:
            found.append(replace(other, conditions=conditions))
            if conditions == step.conditions and other.action.verdict in ("accept", "drop"):
                break
    return found


def _harmless(step: Step, other: Step) -> bool:
    """Whether the other one does the same to a packet, by our rules, that has met the step."""
    if step.action.verdict == "notrack":
        return _tracks(other) or other.action.verdict == "accept"
    return not _tracks(other)


def _before(step: Step, other: Step) -> Step:
    """The later step, for those that meet the first: to accept them is to do what that wants."""
    if other.action.verdict != "accept":
        return other
    return replace(_ending(step), conditions=other.conditions, name="", source=other.source)


def _ending(step: Step) -> Step:
    if step.action.verdict == "notrack":
        return step
    return replace(step, action=replace(step.action, verdict="accept"))

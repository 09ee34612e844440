"""What raw leaves untracked: that filter lets it through, and what answers it too.

The classic trap: after NOTRACK the rule for ESTABLISHED does not let answers back in any more, for
nothing that is untracked is ever ESTABLISHED.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from firewalld_py.policy.entries import AFTER_RAW, Entry
from firewalld_py.policy.findings import Finding, about_rule
from firewalld_py.policy.lint_reach import Reached
from firewalld_py.policy.lint_world import Seen, World
from firewalld_py.policy.model import Match, Rule
from firewalld_py.policy.region import OUT, STATE, Region
from firewalld_py.policy.witness import UNTRACKED, Candidate, Sent, answer_of
from firewalld_py.policy.witness_words import words_of

MAX_ACCEPTING: Final = 256  # accept rules that are looked at for one NOTRACK rule
MAX_ANSWERS: Final = 16  # packets whose answers are tried for one NOTRACK rule
_STATE_BIT: Final = 1 << UNTRACKED


def untracked_findings(world: World, reached: Reached) -> Iterator[Finding]:
    """notrack-not-accepted and notrack-answers."""
    for place, chain, _number, rule in world.places.rules():
        if rule.action.verdict != "notrack" or id(rule) not in reached.by:
            continue
        if not world.in_time():
            reached.unseen += 1
            continue
        entries = world.places.entries[place]
        if chain.user and place in world.places.crowded:
            continue
        if found := _look_at(world, rule, entries):
            yield found


def _look_at(world: World, rule: Rule, entries: list[Entry]) -> Finding | None:
    may_pass = False
    dropped: list[Seen] = []
    hooks = _hooks(world, entries)
    for hook in hooks:
        regions = [
            entry.region.also(world.places.region(rule))
            for entry in entries
            if hook in AFTER_RAW[entry.base]
        ]
        accepted: list[Seen] = []
        for accepting in _accepting(world, hook):
            for both in (region.also(accepting) for region in regions):
                if not both.empty(world.steady):
                    may_pass = True
                    accepted += _accepted(world, rule, both, hook, MAX_ANSWERS - len(accepted))
        if accepted and (found := _answers(world, rule, accepted)):
            return found
        dropped += [seen for region in regions for seen in _dropped(world, rule, region, hook)]
    if may_pass or not dropped:
        return None
    if any(_is_meant(world.decider(one.decision)) for one in dropped):
        return None
    return _not_accepted(world, rule, dropped, hooks)


def _hooks(world: World, entries: list[Entry]) -> list[str]:
    """The filter chains behind these ways that judge anything, and of which the file speaks."""
    found = dict.fromkeys(hook for entry in entries for hook in AFTER_RAW[entry.base])
    return [
        hook for hook in found if world.is_judged(hook) and f"filter/{hook}" in world.places.chains
    ]


def _accepting(world: World, hook: str) -> Iterator[Region]:
    """What UNTRACKED packets rules and the policy of a filter chain may accept."""
    chain = world.places.chains.get(f"filter/{hook}")
    untracked = ((UNTRACKED, UNTRACKED),)
    if chain is None or chain.policy == "accept":
        yield Region().with_field(STATE, untracked)
    yield from islice(_accepting_rules(world, hook), MAX_ACCEPTING)


def _accepting_rules(world: World, hook: str) -> Iterator[Region]:
    untracked = ((UNTRACKED, UNTRACKED),)
    for place, chain, _number, rule in world.places.rules():
        if chain.table != "filter" or rule.action.verdict != "accept":
            continue
        for entry in world.places.entries[place]:
            if entry.base == hook:
                region = entry.region.also(world.places.region(rule))
                region = region.with_field(STATE, untracked)
                if region.fields is not None:
                    yield region


def _packets(world: World, rule: Rule, region: Region, hook: str) -> Iterator[Seen]:
    """Packets of a region that a NOTRACK rule meets, one for each interface they may leave by."""
    numbers = range(len(world.places.interfaces.names))
    told = set()
    for wanted in ({}, *({OUT: (number,)} for number in numbers[:4])):
        words = words_of(region, hook, world.places.interfaces, wanted)
        if words is None or words in told:
            continue
        told.add(words)
        candidate = Candidate((Sent(words, hook),), "untracked")
        for seen, is_met in world.met(rule, [candidate]):
            if is_met and world.has_state(seen):
                yield seen


def _accepted(world: World, rule: Rule, region: Region, hook: str, most: int) -> list[Seen]:
    found = (one for one in _packets(world, rule, region, hook) if one.verdict == "accept")
    return list(islice(found, max(most, 0)))


def _dropped(world: World, rule: Rule, region: Region, hook: str) -> list[Seen]:
    return [one for one in _packets(world, rule, region, hook) if one.verdict != "accept"]


def _is_meant(rule: Rule | None) -> bool:
    """Whether a rule that drops a packet speaks of UNTRACKED: then it is known."""
    return rule is not None and any(_asks_for_untracked(match) for match in rule.matches)


def _asks_for_untracked(match: Match) -> bool:
    return (
        match.kind == "state"
        and not match.inverted
        and isinstance(match.value, int)
        and bool(match.value & _STATE_BIT)
    )


def _not_accepted(world: World, rule: Rule, dropped: list[Seen], hooks: list[str]) -> Finding:
    chains = " or ".join(dict.fromkeys(f"filter/{hook}" for hook in hooks))
    by = world.decider(dropped[0].decision)
    who = "the policy" if by is None else world.where(by)
    message = (
        f"what it leaves untracked, no rule of {chains} accepts ({who} {dropped[0].verdict}s it): "
        "add one with state: untracked, or remove the notrack"
    )
    return about_rule("notrack-not-accepted", rule, message, dropped[0].lines)


def _answers(world: World, rule: Rule, accepted: list[Seen]) -> Finding | None:
    """The finding if none of the packets that are accepted can be answered."""
    shown: Seen | None = None
    for one in accepted:
        answer = answer_of(one.candidate.last)
        if answer is None or not world.is_judged(answer.chain):
            return None
        exchange = Candidate((one.candidate.last, answer), "")
        seen = world.seen(exchange)
        if seen.verdict == "accept":
            return None
        shown = shown or seen
    if shown is None:
        return None
    state = _state_text(shown)
    by = world.decider(shown.decision)
    who = f"the policy of filter/{shown.candidate.last.chain}" if by is None else world.where(by)
    what = f"what it leaves untracked is accepted, but {who} {shown.verdict}s what answers it"
    advice = "accept that too, with state: untracked"
    if state != "UNTRACKED":
        what += f", which is {state}, for it answers no tracked connection"
        advice = "leave the answers untracked in raw too, and accept them with state: untracked"
    message = f"{what}: {advice}"
    return about_rule("notrack-answers", rule, message, shown.lines)


def _state_text(seen: Seen) -> str:
    from firewalld_py.policy.bench import state_of  # noqa: PLC0415

    return state_of(seen.decision).upper()

"""Rules about states that probably do not what they are meant to do."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from firewalld_py.packet.protocols import IPPROTO_TCP, TCP_ACK, TCP_SYN
from firewalld_py.policy.findings import Finding, about_rule
from firewalld_py.policy.lint_reach import Reached
from firewalld_py.policy.lint_world import Seen, World
from firewalld_py.policy.model import Chain, Rule
from firewalld_py.policy.region import STATE, Region
from firewalld_py.policy.witness import (
    INVALID,
    NEW,
    RELATED,
    Candidate,
    answer_of,
    is_only_icmp,
)

MAX_PACKETS: Final = 4  # that a rule accepts and whose answers are tried


def related_findings(world: World, reached: Reached) -> Iterator[Finding]:
    """related-without-helper: of the first such rule; others would say no more."""
    helpers = any(rule.action.helper for _p, _c, _n, rule in world.places.rules())
    if helpers:
        return
    for place, chain, _number, rule in world.places.rules():
        if chain.table != "filter" or rule.action.verdict != "accept":
            continue
        region = world.places.region(rule).with_field(STATE, ((RELATED, RELATED),))
        if not _asks_for_state(rule) or is_only_icmp(region) or id(rule) in reached.dead:
            continue
        seen = _first(world, place, chain, rule, region, "accept")
        if seen is None:
            continue
        message = (
            "no rule gives connections a helper, so that only ICMP errors are RELATED here: give "
            "those that need one a helper in raw (action: {helper: ftp}), or let this rule accept "
            "established, and related only with proto: [icmp, icmpv6]"
        )
        yield about_rule("related-without-helper", rule, message, seen.lines)
        return


def invalid_findings(world: World, reached: Reached) -> Iterator[Finding]:
    """accept-invalid and reject-invalid.

    A rule that asks for no state accepts INVALID as it accepts all; that is not told. To answer
    INVALID is: a reset for a segment that came late ends a connection that is well.
    """
    told: set[str] = set()
    for place, chain, _number, rule in world.places.rules():
        verdict = rule.action.verdict
        if chain.table != "filter" or verdict not in ("accept", "reject"):
            continue
        explicit = _asks_for_state(rule)
        if not explicit and (verdict == "accept" or place in told or place == "filter/output"):
            continue
        region = world.places.region(rule).with_field(STATE, ((INVALID, INVALID),))
        if region.fields is None or id(rule) in reached.dead or not world.in_time():
            continue
        seen = _first(world, place, chain, rule, region, verdict)
        if seen is None:
            continue
        if not explicit:
            told.add(place)
        yield _invalid(rule, seen)


def _invalid(rule: Rule, seen: Seen) -> Finding:
    if rule.action.verdict == "accept":
        message = (
            "this accepts INVALID packets, which belong to no connection and can begin none: "
            "take invalid out of state, or drop them"
        )
        return about_rule("accept-invalid", rule, message, seen.lines)
    message = (
        "this answers INVALID packets, and so may end a connection for one segment that came "
        "late: drop state: invalid before it"
    )
    return about_rule("reject-invalid", rule, message, seen.lines)


def _asks_for_state(rule: Rule) -> bool:
    return any(match.kind == "state" for match in rule.matches)


def _first(
    world: World, place: str, chain: Chain, rule: Rule, region: Region, verdict: str
) -> Seen | None:
    """A packet of the region, with the state that it is to have, that the rule itself decides."""
    for entry in world.places.entries[place]:
        for hook in world.hooks(chain, entry):
            for seen in world.try_all(entry.region.also(region), hook):
                is_its = world.decider(seen.decision) is rule
                if is_its and world.has_state(seen) and seen.verdict == verdict:
                    return seen
    return None


def answers_findings(world: World, reached: Reached) -> Iterator[Finding]:
    """answers-dropped: a chain that drops answers is told once, with the first rule it concerns."""
    told: dict[str, tuple[Rule, Seen]] = {}
    counts: dict[str, int] = {}
    for place, chain, _number, rule in world.places.rules():
        if chain.table != "filter" or rule.action.verdict != "accept":
            continue
        if id(rule) not in reached.by or not world.in_time():
            continue
        seen = _unanswered(world, place, chain, rule, reached.by[id(rule)])
        if seen is not None:
            key = f"{seen.candidate.last.chain} {id(seen.decision.rule)}"
            told.setdefault(key, (rule, seen))
            counts[key] = counts.get(key, 0) + 1
    for key, (rule, seen) in told.items():
        yield _answers(world, rule, seen, counts[key] - 1)


def _unanswered(world: World, place: str, chain: Chain, rule: Rule, first: Seen) -> Seen | None:
    """An exchange that ends with a dropped answer, if all that are tried do."""
    region = world.places.region(rule).with_field(STATE, ((NEW, NEW),))
    shown: Seen | None = None
    for entry in world.places.entries[place]:
        for hook in world.hooks(chain, entry):
            both = entry.region.also(region)
            known = [first] if first.candidate.last.chain == hook else []
            for seen in (*known, *islice(world.try_all(both, hook), MAX_PACKETS)):
                if world.decider(seen.decision) is not rule or not _opens(world, seen):
                    continue
                answer = answer_of(seen.candidate.last)
                if answer is None or not world.is_judged(answer.chain):
                    return None
                exchange = Candidate((*seen.candidate.steps, answer), "established")
                answered = world.seen(exchange)
                if answered.verdict == "accept" or not world.has_state(answered):
                    return None
                shown = shown or answered
    return shown


def _opens(world: World, seen: Seen) -> bool:
    """Whether a packet is NEW and accepted, and begins a connection as peers do."""
    words = seen.candidate.last.words
    is_start = words.protocol != IPPROTO_TCP or words.flags & (TCP_SYN | TCP_ACK) == TCP_SYN
    is_new = seen.candidate.state == "new" and world.has_state(seen)
    return is_start and is_new and seen.verdict == "accept"


def _answers(world: World, rule: Rule, seen: Seen, more: int) -> Finding:
    by = world.decider(seen.decision)
    place = f"filter/{seen.candidate.last.chain}"
    who = f"the policy of {place}" if by is None else f"{world.where(by)} of {place}"
    others = f" (as for {more} more rule{'s' if more > 1 else ''})" if more else ""
    message = (
        f"connections that it accepts get no answer: {who} {seen.verdict}s the ESTABLISHED "
        f"packets that come back{others}; begin {place} with {{state: established, action: accept}}"
    )
    return about_rule("answers-dropped", rule, message, seen.lines)

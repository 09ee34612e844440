"""What `diff` shows: to people, and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, TextIO

from firewalld_py.cli.explain_text import Page, verdict_text, way_text
from firewalld_py.policy.condition_text import packet_line
from firewalld_py.policy.flow_text import end_text, protocol_name

if TYPE_CHECKING:
    from firewalld_py.cli.diff_capture import CaptureDiff
    from firewalld_py.pipeline import Decision
    from firewalld_py.policy.behaviour_diff import Behaviour, Difference, Fate
    from firewalld_py.policy.rule_diff import Change
    from firewalld_py.policy.witness import Sent

CHANGES_SHOWN: Final = 40
EXAMPLES_SHOWN: Final = 10
OTHERS_SHOWN: Final = 5  # of those that have the same verdict, but otherwise
KINDS_SHOWN: Final = 10


@dataclass(slots=True)
class Found:
    """All that a comparison has brought; what was not looked for is None."""

    same: bool
    changes: list[Change]
    behaviour: Behaviour | None = None
    capture: CaptureDiff | None = None
    names: dict[int, str] = field(default_factory=dict)  # of interfaces


def print_text(found: Found, out: TextIO, *, everything: bool) -> None:
    """Rules, examples, and the capture."""
    page = Page(out)
    _print_changes(page, found, None if everything else CHANGES_SHOWN)
    if found.same:
        page.line("the same rules: both compile to the same, so every packet fares alike")
        return
    if not found.changes:
        page.line("rules: the same by name and content, but they do not compile to the same")
    if found.behaviour is not None:
        _print_behaviour(page, found, found.behaviour, everything=everything)
    if found.capture is not None:
        _print_capture(page, found.capture, everything=everything)


def _print_changes(page: Page, found: Found, most: int | None) -> None:
    for change in found.changes[:most]:
        head = f"{'+'.join(change.kinds)} {change.what} {_named(change)}"
        at = " -> ".join(place for place in (change.old, change.new) if place)
        page.line(f"{head}  {at}".rstrip(), "", "    ", "met")
        for detail in change.details:
            page.line(detail, "    ", "      ")
    if most is not None and len(found.changes) > most:
        page.line(f"and {len(found.changes) - most} more changes, which --all shows")
    if found.changes:
        page.line()


def _named(change: Change) -> str:
    if change.what == "rule":
        return f"'{change.name}' of {change.chain}"
    return f"${change.name}" if change.what == "define" else change.name


def _print_behaviour(page: Page, found: Found, behaviour: Behaviour, *, everything: bool) -> None:
    tried = f"{behaviour.tried} packets that were tried"
    if not behaviour.complete:
        tried += " until the time was over"
    if not behaviour.differences:
        page.line(f"no difference found among {tried}; there may be some all the same")
        return
    kinds = len(behaviour.differences)
    page.line(
        f"{behaviour.differing} of {tried} fare differently, in {kinds} "
        f"way{'' if kinds == 1 else 's'}:"
    )
    verdicts = [one for one in behaviour.differences if one.changes_verdict]
    others = [one for one in behaviour.differences if not one.changes_verdict]
    for one in verdicts if everything else verdicts[:EXAMPLES_SHOWN]:
        page.line()
        _print_example(page, found, one)
    if others:
        page.line()
        page.line("the same verdict, but otherwise:")
    for one in others if everything else others[:OTHERS_SHOWN]:
        page.line()
        _print_example(page, found, one)
    hidden = max(len(verdicts) - EXAMPLES_SHOWN, 0) + max(len(others) - OTHERS_SHOWN, 0)
    if hidden and not everything:
        page.line()
        page.line(f"and {hidden} more ways, which --all shows")


def _print_example(page: Page, found: Found, one: Difference) -> None:
    for sent in one.candidate.steps[:-1]:
        page.labelled("after", _sent_text(sent))
    if one.candidate.opened:
        page.labelled("", "(of a connection that stood already)")
    page.labelled("packet", packet_line(one.new.packet))
    page.labelled("", way_text(one.new, found.names))
    page.labelled("old", _fate_text(one.old, one.was, one.is_), one.was.verdict.split()[0])
    page.labelled("new", _fate_text(one.new, one.is_, one.was), one.is_.verdict.split()[0])
    if one.count > 1:
        page.labelled("", f"and {one.count - 1} more like it")


def _sent_text(sent: Sent) -> str:
    words = sent.words
    ends = f"{end_text(words.src, words.sport)} > {end_text(words.dst, words.dport)}"
    what = "an ICMP error of" if sent.is_error else protocol_name(words.protocol)
    return f"{what} {ends} in filter/{sent.chain}"


def _fate_text(decision: Decision, fate: Fate, other: Fate) -> str:
    """The verdict, and of state and marks what is different."""
    words = [verdict_text(decision)]
    if fate.state != other.state:
        words.append(f"state {fate.state}")
    for name, mine, its in zip(
        ("mark", "connmark", "labels"), fate.marks, other.marks, strict=True
    ):
        if mine != its:
            words.append(f"{name} {mine:#x}")
    return ", ".join(words)


def _print_capture(page: Page, capture: CaptureDiff, *, everything: bool) -> None:
    page.line()
    if not capture.changed:
        page.line(f"capture: the verdict is the same of all {capture.packets} packets")
    else:
        page.line(f"capture: the verdict changes of {capture.changed} of {capture.packets} packets")
    if capture.otherwise:
        page.line(
            f"{capture.otherwise} more have the same verdict by another rule, in another state or "
            "with another mark",
            "    ",
            "    ",
        )
    kinds = capture.kinds.most_common(None if everything else KINDS_SHOWN)
    for (old, new), count in kinds:
        page.line(f"{old}  ->  {new}", f"{count:>9}  ", " " * 11)
    if len(capture.kinds) > len(kinds):
        page.line(f"and {len(capture.kinds) - len(kinds)} more kinds, which --all shows")
    if capture.shown:
        page.line()
    for one in capture.shown:
        page.line(f"{one.packet}", f"{one.number:>7}  ", " " * 9)
        page.line(f"{one.old_state}: {one.old}", " " * 9 + "old  ", " " * 14)
        page.line(f"{one.new_state}: {one.new}", " " * 9 + "new  ", " " * 14)
    if capture.changed > len(capture.shown):
        page.line(f"and {capture.changed - len(capture.shown)} more packets, which --all shows")


def print_json(found: Found, out: TextIO) -> None:
    """All of it by name; texts are those that people get."""
    shown: dict[str, Any] = {
        "same": found.same,
        "rules": [asdict(change) for change in found.changes],
        "behaviour": None,
        "capture": None if found.capture is None else found.capture.as_json(),
    }
    if found.behaviour is not None:
        shown["behaviour"] = {
            "tried": found.behaviour.tried,
            "differing": found.behaviour.differing,
            "complete": found.behaviour.complete,
            "differences": [_example(found, one) for one in found.behaviour.differences],
        }
    json.dump(shown, out, ensure_ascii=False, indent=2)
    out.write("\n")


def _example(found: Found, one: Difference) -> dict[str, Any]:
    return {
        "after": [_sent_text(sent) for sent in one.candidate.steps[:-1]],
        "opened_before": one.candidate.opened,
        "packet": packet_line(one.new.packet),
        "way": way_text(one.new, found.names),
        "count": one.count,
        "changes_verdict": one.changes_verdict,
        "old": _fate(one.old, one.was),
        "new": _fate(one.new, one.is_),
    }


def _fate(decision: Decision, fate: Fate) -> dict[str, Any]:
    rule = decision.rule
    mark, connmark, labels = fate.marks
    return {
        "verdict": fate.verdict,
        "text": verdict_text(decision),
        "rule": None if rule is None else rule.name,
        "file": None if rule is None else rule.file,
        "line": None if rule is None else rule.line,
        "state": fate.state,
        "mark": mark,
        "connmark": connmark,
        "labels": f"{labels:#x}",
    }

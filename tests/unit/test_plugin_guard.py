"""A helper of another package that is good for two packets, and what follows when it is not."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import pytest

from firewalld_py.conntrack.connection import NEW, RELATED, Connection
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.expectation import (
    EXPECTED,
    THIRD_PARTY,
    Expectation,
    Policy,
)
from firewalld_py.conntrack.helpers.base import IPV4, Call, Helper, Tables
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.reasons import HELPER_COMMAND, OK, REASON_NAMES, TCP_STATE
from firewalld_py.pipeline import Decision, Firewall
from firewalld_py.rules.build import build_ruleset
from firewalld_py.service.plugin_guard import BUDGET_S, YEAR_S, GuardedHelper
from tests import wire
from tests.plans import plan, rule, template
from tests.talk import Talk

CONTROL: Final = 7000
GOOD_PACKETS: Final = 2
THIRD4: Final = bytes((192, 0, 2, 1))

# What a helper does with a packet; the answer is what inspect() gives.
Deed = Callable[[Call], Any]


class Announced(Helper):
    """Expects what its first two packets name, a port each; the third is for the deed."""

    def __init__(self, deed: Deed = lambda _call: OK) -> None:
        super().__init__("announced", frozenset({(IPV4, wire.UDP)}), [Policy(5, 60.0)])
        self.deed = deed
        self.asked = 0

    def inspect(self, payload: bytes, connection: Connection, direction: int, call: Call) -> int:
        self.asked += 1
        if self.asked > GOOD_PACKETS:
            result: int = self.deed(call)
            return result
        assert call.expect(wire.SERVER4, wire.CLIENT4, wire.UDP, int(payload)) == EXPECTED
        return OK


class Scene:
    """A firewall whose rules give the guarded helper to UDP connections to its port."""

    def __init__(self, helper: Helper) -> None:
        self.reports: list[tuple[str, str]] = []
        self.guard = GuardedHelper(helper, lambda name, what: self.reports.append((name, what)))
        given = rule(
            "continue",
            ("proto", [wire.UDP]),
            ("dport", [[CONTROL, CONTROL]]),
            template=template(helper="announced"),
        )
        self.conntrack = Conntrack(Settings(), more_helpers=[self.guard])
        self.firewall = Firewall(build_ruleset(plan(prerouting=[given])), self.conntrack)

    def send(
        self, payload: bytes, sport: int = 40000, dport: int = CONTROL, *, answers: bool = False
    ) -> Decision:
        """One datagram of the client, or of the server."""
        talk = Talk()
        talk.datagram(payload, sport, dport, answers=answers)
        return self.firewall.handle(talk.packets[0], PacketMeta(), 1.0)

    def expected(self) -> list[int]:
        return sorted(one.dport for one in self.conntrack.expectations.all(1.0))


def after_two_good_ones(deed: Deed) -> tuple[Scene, Announced]:
    helper = Announced(deed)
    scene = Scene(helper)
    for port in (5000, 5001):
        assert scene.send(b"%d" % port).reason_name() == "policy"
    assert scene.expected() == [5000, 5001]
    assert scene.reports == []
    return scene, helper


def test_a_good_one_reads_and_expects_as_a_built_in_does() -> None:
    scene, helper = after_two_good_ones(lambda _call: OK)
    assert scene.send(b"", 6000, 5000, answers=True).info.state == RELATED
    assert scene.send(b"", 6000, 5002, answers=True).info.state == NEW
    scene.send(b"more")
    assert (helper.asked, scene.reports) == (3, [])


def test_it_may_drop_a_packet_that_it_cannot_read() -> None:
    scene, _ = after_two_good_ones(lambda _call: HELPER_COMMAND)
    assert scene.send(b"?").reason_name() == "helper_command"
    assert scene.reports == []


def compute(_call: Call) -> int:
    end = time.thread_time() + 2 * BUDGET_S
    while time.thread_time() < end:
        pass
    return OK


def wait(_call: Call) -> int:
    threading.Event().wait(2 * BUDGET_S)
    return OK


def fail(_call: Call) -> int:
    raise ValueError("no such\ncommand")


def leave(_call: Call) -> int:
    raise SystemExit(3)


def expect_and_fail(call: Call) -> int:
    call.expect(wire.SERVER4, wire.CLIENT4, wire.UDP, 5002)
    return fail(call)


def live_for_ever(call: Call) -> int:
    call.refresh(YEAR_S * 2.0)
    return OK


def live_until_never(call: Call) -> int:
    call.refresh(math.nan)
    return OK


def expect_of_two_families(call: Call) -> int:
    return call.expect(wire.SERVER6, wire.CLIENT4, wire.UDP, 5002)


def expect_under_half_a_mask(call: Call) -> int:
    return call.expect(wire.SERVER4, wire.CLIENT4, wire.UDP, 5002, src_mask=b"\xff\xff")


def expect_of_no_class(call: Call) -> int:
    return call.expect(wire.SERVER4, wire.CLIENT4, wire.UDP, 5002, kind=1)


def expect_of_no_protocol(call: Call) -> int:
    return call.expect(wire.SERVER4, wire.CLIENT4, 256, 5002)


def expect_with_words(call: Call) -> int:
    return call.expect("anywhere", wire.CLIENT4, wire.UDP, 5002)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("deed", "why"),
    [
        (compute, "inspect() took "),
        (wait, "inspect() took "),
        (fail, "inspect() raised ValueError: no such command (test_plugin_guard.py:"),
        (leave, "inspect() raised SystemExit: 3"),
        (expect_and_fail, "inspect() raised ValueError"),
        (live_for_ever, "its connection would live for ever"),
        (live_until_never, "its connection would live for ever"),
        (expect_of_two_families, "inspect() raised AssertionError: addresses of one family"),
        (expect_under_half_a_mask, "inspect() raised AssertionError: a mask as long"),
        (expect_of_no_class, "inspect() raised IndexError"),
        (expect_of_no_protocol, "inspect() raised ValueError"),
        (expect_with_words, "inspect() raised "),
        (lambda _: None, "inspect() gave a NoneType, which is no verdict of its"),
        (lambda _: "ok", "inspect() gave a str,"),
        (lambda _: True, "inspect() gave a bool,"),
        (lambda _: [Expectation], "inspect() gave a list,"),
        (lambda _: -1, "inspect() gave -1,"),
        (lambda _: TCP_STATE, "inspect() gave 26,"),
        (lambda _: len(REASON_NAMES), "inspect() gave "),
        (lambda _: 10**30, "inspect() gave 1000"),
    ],
)
def test_one_that_goes_wrong_is_switched_off_and_told_of_once(deed: Deed, why: str) -> None:
    scene, helper = after_two_good_ones(deed)
    (connection,) = {one.master for one in scene.conntrack.expectations.all(1.0)}
    deadline = connection.deadline
    decision = scene.send(b"the third")
    assert (decision.verdict_name(), decision.reason_name()) == ("accept", "policy")
    assert scene.expected() == []
    assert connection.deadline == deadline
    for _ in range(3):
        assert scene.send(b"5003").reason_name() == "policy"
    assert scene.send(b"5004", 40001).reason_name() == "policy"  # another connection
    assert helper.asked == 3
    ((name, what),) = scene.reports
    assert name == "announced"
    assert what.startswith(f"is switched off until the worker is replaced: {why}")
    assert "\n" not in what


@pytest.mark.parametrize("openly", [False, True])
def test_it_may_expect_nothing_towards_a_third_host(openly: bool) -> None:
    seen: list[int] = []

    def betray(call: Call) -> int:
        seen.append(call.expect(b"", THIRD4, wire.UDP, 5002))
        return OK

    scene, helper = after_two_good_ones(betray)
    helper.third_parties = openly  # it is not for the helper to say
    scene.send(b"the third")
    assert seen == [THIRD_PARTY]
    assert scene.expected() == [5000, 5001]
    assert scene.reports == []


class Careless(Announced):
    """Raises in one of the calls that are about other connections than a packet's own."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where

    def _stumble(self, where: str) -> None:
        if where == self.where:
            raise LookupError(where)

    def opened(self, child: Connection, expectation: Expectation, tables: Tables) -> None:
        self._stumble("opened")

    def destroyed(self, connection: Connection, tables: Tables) -> None:
        self._stumble("destroyed")

    def child_destroyed(self, child: Connection, master: Connection, tables: Tables) -> None:
        self._stumble("child_destroyed")


@pytest.mark.parametrize("where", ["opened", "destroyed", "child_destroyed"])
def test_every_call_is_guarded(where: str) -> None:
    scene = Scene(Careless(where))
    scene.send(b"5000")
    assert scene.send(b"", 6000, 5000, answers=True).info.state == RELATED
    while scene.conntrack.table.size:
        scene.conntrack.expire(1e6, 100)
    ((_, what),) = scene.reports
    assert f"{where}() raised LookupError" in what

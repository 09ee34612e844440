"""A worker process at a real queue, spoken to as the supervisor speaks to it."""

from __future__ import annotations

import select
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from firewalld_py.policy.config import ConntrackConfig
from firewalld_py.rules.build import Plan, plan_rules, user_chains
from firewalld_py.service.channel import channel_pair
from firewalld_py.service.messages import (
    Configure,
    InterfaceNames,
    Message,
    RulesBegin,
    RulesEnd,
    RulesPart,
)
from firewalld_py.service.set_messages import declarations, set_parts
from tests.live.queue_bench import QUEUE, QueueBench

if TYPE_CHECKING:
    from types import TracebackType

TIMEOUT_S: Final = 10.0
CONFIGURE: Final = Configure(
    queue=QUEUE, queue_length=1024, copy_range=2048, batch=64, gso=True, receive_buffer=1 << 22,
    fail_open=False, conntrack=ConntrackConfig(max=1000).numbers(),
)  # fmt: skip
M = TypeVar("M", bound=Message)


class WorkerBench:
    """The process, our end of its channel, and what it said that nobody has asked for yet."""

    def __init__(self, bench: QueueBench) -> None:
        self.bench = bench
        self.channel, theirs = channel_pair()
        with theirs, bench.namespace.entered():
            self.process = subprocess.Popen(
                [sys.executable, "-m", "firewalld_py.service.worker",
                 "--channel", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
            )  # fmt: skip
        self._heard: list[Message] = []

    def say(self, *messages: Message) -> None:
        for message in messages:
            assert self.channel.send(message)

    def configure(self, **changed: Any) -> None:
        self.say(replace(CONFIGURE, **changed), InterfaceNames({"1": "lo"}))

    def rules(self, generation: int, a_plan: Plan) -> None:
        """Send a rule set, one rule a part."""
        policies = {name: chain["policy"] for name, chain in a_plan["filter"].items()}
        interfaces, chains = a_plan["interfaces"], user_chains(a_plan)
        self.say(RulesBegin(generation, interfaces, policies, chains, declarations(a_plan)))
        self.say(*set_parts(generation, a_plan))
        for chain, entry in plan_rules(a_plan):
            self.say(RulesPart(generation, chain, [entry]))
        self.say(RulesEnd(generation))

    def expect(self, kind: type[M]) -> M:
        """The next message of this kind; others before it stay for later."""
        end = time.monotonic() + TIMEOUT_S
        while True:
            for message in self._heard:
                if isinstance(message, kind):
                    self._heard.remove(message)
                    return message
            left_s = end - time.monotonic()
            assert left_s > 0, f"the worker did not say {kind.__name__} but {self._heard}"
            if select.select([self.channel], [], [], left_s)[0]:
                self._heard.extend(self.channel.receive(1))

    def ended(self) -> int:
        """Wait until the process has ended; its exit status."""
        return self.process.wait(TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.channel.close()
        self.process.kill()
        self.process.wait()

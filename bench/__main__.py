"""`python -m bench`: all measures, or some, and the table."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bench import bulk, core, large_rules, latency, memory, million, report, sets, small_packets
from bench.programs import Programs, compiled_programs
from bench.report import Section
from firewalld_py import compiled
from firewalld_py.service.hook import HookError
from tests.lab.netns import LabError
from tests.lab.world import World


@dataclass(frozen=True, slots=True)
class Effort:
    """How long it may take."""

    rounds: int
    packets_s: float
    bulk_s: float
    core_s: float
    questions: int
    connections: int


FULL: Final = Effort(3, 1.5, 2.0, 0.25, 1500, 200_000)
QUICK: Final = Effort(1, 0.8, 1.0, 0.1, 500, 200_000)


class Bench:
    """The measures; the lab is built and the C programs are compiled when one asks for them."""

    def __init__(self, effort: Effort, stack: contextlib.ExitStack) -> None:
        self.effort = effort
        self._stack = stack
        self._lab: tuple[World, Programs] | None = None

    def lab(self) -> tuple[World, Programs]:
        if self._lab is None:
            if os.geteuid() != 0:
                raise LabError("the measures with real traffic need root; others: --only core")
            programs = self._stack.enter_context(compiled_programs())
            self._lab = self._stack.enter_context(World()), programs
        return self._lab

    def small(self) -> list[Section]:
        """Rates, and the same by the judge's CPU time, which a busy machine hardly changes."""
        loads = small_packets.measure(*self.lab(), self.effort.rounds, self.effort.packets_s)
        rates = {name: [load.packets_per_s for load in of] for name, of in loads.items()}
        per_cpu = {name: [1e6 / load.cpu_us for load in of] for name, of in loads.items()}
        title = "Small UDP packets of 10 000 answered connections, rules before the match"
        made = []
        for words, samples in (("delivered", rates), ("by the judge's CPU time", per_cpu)):
            section = Section(f"{title}: {words}")
            for name, of in samples.items():
                busy = statistics.median(load.busy for load in loads[name])
                unit = f"packets/s (the judge's CPU {busy:.0%} its own)"
                section.add({name: of}, unit if samples is rates else "packets per CPU second")
            for name in (small_packets.FEW, small_packets.ANSWERS, small_packets.MANY):
                section.compare(samples, name, small_packets.FLOOR_ONE, "at least 1.0")
                section.compare(samples, name, small_packets.FLOOR_BATCH, "at least 0.8")
            made.append(section)
        return made

    def bulk(self) -> list[Section]:
        section = Section("One bulk TCP connection")
        samples = bulk.measure(*self.lab(), self.effort.rounds, self.effort.bulk_s)
        section.add(samples, "Mbit/s")
        section.compare(samples, bulk.DAEMON_GSO, bulk.KERNEL, "at least 0.75")
        section.compare(samples, bulk.DAEMON_GSO, bulk.FLOOR_GSO)
        section.compare(samples, bulk.FLOOR_GSO, bulk.KERNEL)
        section.compare(samples, bulk.KERNEL, bulk.NOBODY)
        return [section]

    def latency(self) -> list[Section]:
        section = Section(
            "Idle latency: UDP round trips, two passes through the judge each; less is better"
        )
        medians, tails = latency.measure(*self.lab(), self.effort.rounds, self.effort.questions)
        for word, samples in (("median", medians), ("p99", tails)):
            added = {f"added by {name}, {word}": of for name, of in latency.added(samples).items()}
            section.add({f"{name}, {word}": of for name, of in samples.items()}, "us")
            section.add(added, "us")
            floor, daemon = added
            label = f"added by daemon / added by C loop, {word}"
            section.compare(added, daemon, floor, "at most 1.3", label)
        return [section]

    def core(self) -> list[Section]:
        section = Section(
            "Core alone: Firewall.handle, established, rules before the match; less is better"
        )
        samples = core.measure(self.effort.rounds, self.effort.core_s)
        section.add({f"{name} rules": of for name, of in samples.items()}, "ns per packet")
        for kind in ("tcp", "udp"):
            few, many = f"compiled {kind} 10", f"compiled {kind} 10000"
            label = f"time interpreted / compiled, {kind}, 10 rules"
            section.compare(samples, f"interpreted {kind} 10", few, label=label)
            label = f"speed with 10 000 rules / with 10, {kind}"
            section.compare(samples, few, many, "at least 0.95", label)
            label = f"time with the answer remembered / asked, {kind}"
            section.compare(samples, f"{few} {core.REMEMBERED}", few, label=label)
        return [section, self.large_rules(), self.sets()]

    def large_rules(self) -> Section:
        section = Section("10 000 rules put in force; goals at most 2 000 ms in all, and 200 MB")
        section.add(large_rules.measure(self.effort.rounds), "")
        return section

    def sets(self) -> Section:
        section = Section("Sets: networks of many lengths, every packet looked up; less is better")
        samples = sets.measure(self.effort.rounds, self.effort.core_s)
        few, many = (f"{count} networks of IPv4" for count in (sets.FEW, sets.MANY))
        in_ns = {name: of for name, of in samples.items() if name.startswith(("packet", "lookup"))}
        section.add(in_ns, "ns")
        section.compare(
            samples, f"packet, {few}", f"packet, {many}", label="speed with 100 000 / with 10"
        )
        of_memory = {name: of for name, of in samples.items() if name.startswith("memory")}
        section.add(of_memory, "octets")
        rest = {name: of for name, of in samples.items() if name not in in_ns | of_memory}
        section.add(rest, "ms, goal at most 2 000 for all of a family")
        return section

    def memory(self) -> list[Section]:
        count = f"{self.effort.connections:,}".replace(",", " ")
        section = Section(f"Memory: {count} connections, all in; goal at most 600 octets each")
        section.add(memory.measure(self.effort.connections), "octets per connection")
        return [section]

    def million(self) -> list[Section]:
        figures = million.measure()
        section = Section("A million TCP connections; less is better")
        section.add({"memory, all in": [figures.octets]}, "octets each, goal at most 600")
        section.add(figures.nanoseconds, "ns of CPU time")
        for what in ("find", "handle"):
            few = f"{what}, {million.OF_FEW}"
            for whom in (million.FEW_OF_MANY, million.ALL_OF_MANY):
                label = f"{what}, {whom} / of 1 000"
                many = f"{what}, {whom}"
                section.compare(figures.nanoseconds, many, few, "at most 2.0", label)
        return [section]


MEASURES: Final = ("small", "bulk", "latency", "core", "memory", "million")
BUSY: Final = 0.5  # load average of a machine that has better things to do


def _parse(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round: no spread")
    parser.add_argument("--json", metavar="FILE", help="write every sample there")
    parser.add_argument(
        "--only", choices=MEASURES, action="append", help="this measure; repeatable"
    )
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run the measures asked for; 0, or 1 when one could not be made."""
    arguments = _parse(words)
    if not compiled():
        print("bench: the core is not compiled; call `make bench`", file=sys.stderr)
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    before, started = report.machine(), time.monotonic()
    sections, failures = _measure(arguments.only or MEASURES, QUICK if arguments.quick else FULL)
    print(report.table(sections))
    print(f"\n{_closing(before, time.monotonic() - started)}")
    if arguments.json:
        report.write_json(arguments.json, before, sections)
    for failure in failures:
        print(f"bench: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _measure(names: Sequence[str], effort: Effort) -> tuple[list[Section], list[str]]:
    """What the measures gave, and why some of them could not be made."""
    sections: list[Section] = []
    failures = []
    with contextlib.ExitStack() as stack:
        bench = Bench(effort, stack)
        for name in names:
            print(f"{name} ...", file=sys.stderr, flush=True)
            measure: Callable[[], list[Section]] = getattr(bench, name)
            try:
                sections += measure()
            except (LabError, HookError, subprocess.SubprocessError) as error:
                failures.append(f"{name}: {error}")
    return sections, failures


def _end(number: int, _frame: object) -> None:
    """Leave by way of all context managers, so that nothing stays behind."""
    sys.exit(128 + number)


def _closing(before: dict[str, Any], seconds: float) -> str:
    """Where and when, and a warning if others kept the machine busy."""
    where = f"{before['cpus']} CPUs ({before['cpu']}), Linux {before['kernel']}"
    lines = [f"{where}, Python {before['python']}; {seconds:.0f} s"]
    if before["load"] > BUSY:
        lines.append(
            f"The machine was busy before this began (load {before['load']:.1f}): trust the ratios "
            "by CPU time; rates, bulk and latency tell little."
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

"""Asks the kernel and our engine about generated packets, or about those of a case file.

    python -m tests.differential --seed 7 --seeds 10 --packets 20000 --only tcp,errors
    python -m tests.differential CASE... | CAPTURE.pcap...

Exit status: 0 if they agree, 1 if not, 2 for wrong usage, 4 where the kernel cannot be asked.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from firewalld_py.service.capture import CaptureError
from tests.differential.casefile import CaseError, case_text, read_capture, read_case
from tests.differential.compare import compare, history
from tests.differential.generate import SHARES, TOPICS, sequences
from tests.differential.kernel import KernelError, KernelJudge
from tests.differential.minimize import minimize
from tests.differential.report import Report

CAPTURES = (".pcap", ".pcapng", ".gz")
EXIT_AGREE, EXIT_DIFFER, EXIT_USAGE, EXIT_NO_KERNEL = 0, 1, 2, 4


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("case", nargs="*", type=Path, help="case files or captures to send instead")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=_positive, default=1, help="how many, from --seed on")
    parser.add_argument(
        "--packets", type=_positive, default=100_000, help="to be judged of each seed, at least"
    )
    parser.add_argument("--only", default="", help=f"topics, of {','.join(TOPICS)}")
    parser.add_argument("--except", dest="without", default="", help="topics to leave out")
    parser.add_argument("--cases", type=Path, help="a directory for case files, one per class")
    parser.add_argument("--show", type=int, default=5, help="classes to show in full")
    parser.add_argument("--entries", action="store_true", help="show the kernel's table at the end")
    return parser.parse_args()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def run_cases(kernel: KernelJudge, paths: list[Path], *, entries: bool) -> int:
    """Send case files, and show what is said of each packet."""
    differ = False
    for path in paths:
        sequence = read_capture(path) if path.suffix in CAPTURES else read_case(path)
        outcome = compare(kernel, sequence)
        differ = differ or outcome.differing is not None
        if path.suffix in CAPTURES:
            report = Report()
            report.add(outcome)
            print(f"{path}: {report.text()}")
            sequence = minimize(kernel, sequence)
        if path.suffix not in CAPTURES or outcome.differing is not None:
            print(case_text(sequence, history(kernel, sequence)))
        if entries:
            print("the kernel's table:", *kernel.entries(), sep="\n  ")
    return EXIT_DIFFER if differ else EXIT_AGREE


def run_generated(kernel: KernelJudge, options: argparse.Namespace, topics: set[str]) -> int:
    """Send so many packets of each seed; show the classes of disagreement, and the sum last."""
    report = Report()
    began = time.monotonic()
    for seed in range(options.seed, options.seed + options.seeds):
        judged, disagreements, seed_began = report.judged, report.disagreements(), time.monotonic()
        for sequence in sequences(seed, topics):
            report.add(compare(kernel, sequence))
            if report.judged - judged >= options.packets:
                break
        print(
            f"seed {seed}: {report.judged - judged} packets judged,"
            f" {report.disagreements() - disagreements} disagreements,"
            f" {time.monotonic() - seed_began:.1f} s",
            flush=True,
        )
    print(report.text())
    show_classes(kernel, report, options)
    seeds = f"{options.seeds} seed{'s' if options.seeds > 1 else ''} from {options.seed} on"
    print(f"{seeds}, {time.monotonic() - began:.0f} s, {report.summary()}")
    return EXIT_DIFFER if report.differing else EXIT_AGREE


def show_classes(kernel: KernelJudge, report: Report, options: argparse.Namespace) -> None:
    """The smallest example of each class of disagreement, as text and as a case file."""
    for number, (kind, _) in enumerate(report.kinds.most_common()):
        if number >= options.show and options.cases is None:
            break
        smallest = minimize(kernel, report.first[kind])
        text = case_text(smallest, history(kernel, smallest))
        tables = compare(kernel, smallest).tables
        if tables is not None:
            text += f"# the kernel's table: {tables.kernel}\n# our table: {tables.ours}\n"
        if number < options.show:
            print(f"\n{text}", end="")
        if options.cases is not None:
            options.cases.mkdir(parents=True, exist_ok=True)
            words = "-".join(kind.replace(":", "").replace(",", "").lower().split())
            (options.cases / f"{words}.case").write_text(text)


def main() -> int:
    options = arguments()
    topics = set(options.only.split(",") if options.only else TOPICS)
    topics -= set(options.without.split(",") if options.without else ())
    unknown = topics - set(TOPICS)
    if unknown:
        print(f"no such topic: {', '.join(sorted(unknown))}; there are {', '.join(TOPICS)}")
        return EXIT_USAGE
    if not topics & SHARES.keys():
        print(f"the topics name no protocol to talk in: add one of {', '.join(SHARES)}")
        return EXIT_USAGE
    try:
        with KernelJudge() as kernel:
            if options.case:
                return run_cases(kernel, options.case, entries=options.entries)
            return run_generated(kernel, options, topics)
    except KernelError as error:
        print(f"the kernel cannot be asked: {error}", file=sys.stderr)
        return EXIT_NO_KERNEL
    except (CaseError, CaptureError, OSError) as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main())

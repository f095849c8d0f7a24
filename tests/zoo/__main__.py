"""`python -m tests.zoo --seconds 3600`: seed after seed until the time is over; exit code 1 where the server was wrong."""

import argparse
import logging
import sys
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping

from tests.zoo import graphs, pipelines
from tests.zoo.case import Case, NoCase
from tests.zoo.trial import Outcome, run_case

GENERATORS: Mapping[str, Callable[[int], Case]] = {
    "sklearn": pipelines.case,
    "onnx": graphs.case,
    "foreign": pipelines.foreign_case,
}
USUAL = ("sklearn", "onnx")
"""Those of an hour of `make zoo`. What code of an operator's own does with types and rows, only the operator knows in the end."""
SHOWN = 2
"""Faults of a kind that are shown while it runs."""


def say(text: str) -> None:
    """To whoever started this."""
    print(text, flush=True)  # noqa: T201 - a program that prints


class Report:
    """Counts what was seen, and prints a fault when its kind is new."""

    def __init__(self) -> None:
        self.cases = self.requests = self.batched = 0
        self.loads: Counter[str] = Counter()
        self.rejections: dict[str, list[str]] = defaultdict(list)
        self.kinds: dict[str, list[str]] = defaultdict(list)

    def add(self, outcome: Outcome) -> None:
        """Of one case."""
        case = outcome.case
        self.cases += 1
        self.requests += outcome.requests
        self.batched += outcome.batched
        self.loads[case.kind] += 1
        if outcome.rejected:
            self.rejections[case.kind].append(f"{case.name}: {outcome.rejected}")
        first = {fault.kind: fault for fault in reversed(outcome.faults)}
        for kind, fault in first.items():
            self.kinds[kind].append(case.name)
            if len(self.kinds[kind]) <= SHOWN:
                say(f"\n{case.name}: {fault}\n    {case.shown}\n    notes: {outcome.notes}")

    def end(self) -> None:
        """Everything by kind."""
        say(f"\n{self.cases} models, {self.batched} of them batched, {self.requests} requests")
        if self.rejections:
            say("\nRefused at load, by kind of model:")
            for kind, told in sorted(self.rejections.items()):
                say(f"  {len(told)} of {self.loads[kind]}  {kind}\n      {told[0][:300]}")
        say(f"\n{len(self.kinds)} kinds of faults" if self.kinds else "\nEvery answer was the model's own.")
        for kind, names in sorted(self.kinds.items(), key=lambda pair: -len(pair[1])):
            say(f"  {len(names)} models  {kind}\n      {', '.join(names[:12])}")


def main(arguments: list[str] | None = None) -> int:
    """Run, and give the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.zoo", description="Generated models against their own answers."
    )
    parser.add_argument("--seconds", type=float, default=60, help="how long to go on (default: 60)")
    parser.add_argument("--seed", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument("--count", type=int, help="how many seeds, whatever the time")
    parser.add_argument("--only", choices=sorted(GENERATORS), help="one kind of model")
    asked = parser.parse_args(arguments)
    # Such a warning at each request would fill the server's log: the model was not given what it was fitted with.
    warnings.filterwarnings("error", message="X (does not have valid|has) feature names")
    logging.disable()  # each failure is shown as a fault
    report = Report()
    names = [asked.only] if asked.only else USUAL
    end, seed = time.monotonic() + asked.seconds, asked.seed
    while (seed < asked.seed + asked.count) if asked.count else time.monotonic() < end:
        for name in names:
            try:
                case = GENERATORS[name](seed)
            except NoCase:
                continue
            report.add(run_case(case))
        seed += 1
    report.end()
    say(f"seeds {asked.seed} to {seed - 1}; repeat one with: python -m tests.zoo --seed S --count 1 --only {names[0]}")
    return 1 if report.kinds else 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.zoo --seconds 3600`: runs seed after seed until the time is over. The exit code is 1 after a wrong response."""

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
"""The generators of `make zoo`. Foreign code may treat types and rows in ways that only its author knows, so it is not included."""
SHOWN = 2
"""How many faults of each kind are printed during the run."""


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)  # noqa: T201 - a program that prints


class Report:
    """Counts outcomes, and prints the first faults of each kind."""

    def __init__(self) -> None:
        self.cases = self.requests = self.batched = 0
        self.loads: Counter[str] = Counter()
        self.rejections: dict[str, list[str]] = defaultdict(list)
        self.kinds: dict[str, list[str]] = defaultdict(list)

    def add(self, outcome: Outcome) -> None:
        """Add the outcome of one case."""
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
        """Print the summary, by kind."""
        say(f"\n{self.cases} models, {self.batched} of them batched, {self.requests} requests")
        if self.rejections:
            say("\nRejected at load, by kind of model:")
            for kind, reasons in sorted(self.rejections.items()):
                say(f"  {len(reasons)} of {self.loads[kind]}  {kind}\n      {reasons[0][:300]}")
        say(f"\n{len(self.kinds)} kinds of faults" if self.kinds else "\nEvery response equals the model's own output.")
        for kind, names in sorted(self.kinds.items(), key=lambda pair: -len(pair[1])):
            say(f"  {len(names)} models  {kind}\n      {', '.join(names[:12])}")


def main(arguments: list[str] | None = None) -> int:
    """Run, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.zoo",
        description="Compare the served responses of generated models with the models' own outputs.",
    )
    parser.add_argument("--seconds", type=float, default=60, help="how long to run (default: 60)")
    parser.add_argument("--seed", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument("--count", type=int, help="how many seeds, whatever the time")
    parser.add_argument("--only", choices=sorted(GENERATORS), help="one kind of model")
    options = parser.parse_args(arguments)
    # The warning means that the model did not get the input form of its fit. It would fill the server's log.
    warnings.filterwarnings("error", message="X (does not have valid|has) feature names")
    logging.disable()  # each failure is printed as a fault
    report = Report()
    names = [options.only] if options.only else USUAL
    end, seed = time.monotonic() + options.seconds, options.seed
    while (seed < options.seed + options.count) if options.count else time.monotonic() < end:
        for name in names:
            try:
                case = GENERATORS[name](seed)
            except NoCase:
                continue
            report.add(run_case(case))
        seed += 1
    report.end()
    say(
        f"seeds {options.seed} to {seed - 1}; repeat one with: python -m tests.zoo --seed S --count 1 --only {names[0]}"
    )
    return 1 if report.kinds else 0


if __name__ == "__main__":
    sys.exit(main())

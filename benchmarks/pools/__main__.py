"""Measure a pool with many models on this machine: `python -m benchmarks.pools`. The soak is `python -m benchmarks.pools.soak`."""

import argparse
import shlex
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import machine, thousand_models, wrk
from benchmarks.load import LoadError
from benchmarks.pools import cold_models, evictions, many_models, pool_load
from benchmarks.pools.answers import Answer, read_answers
from benchmarks.record import RESULTS, record
from benchmarks.subject_process import SubjectError
from modelyard.control.process_tree import adopt_orphans

Measure = Callable[[Path, Path, Sequence[Answer], argparse.Namespace], str]
"""From a folder, the model repository, the answers of its models and the options."""
PARTS: dict[str, tuple[str, Measure]] = {
    "many": (
        "Pools: start, memory, changes",
        lambda folder, repository, answers, _: many_models.measure(folder, repository, answers),
    ),
    "load": (
        "Pools: rates and latencies",
        lambda folder, repository, answers, options: pool_load.measure(
            folder, repository, answers[many_models.ADDED :], rounds=options.rounds, seconds=options.seconds
        ),
    ),
    "cold": (
        "Pools: cold models",
        lambda folder, repository, answers, options: cold_models.measure(
            folder, repository, answers, rounds=options.rounds
        ),
    ),
    "evictions": (
        "Pools: loads and evictions",
        lambda folder, repository, answers, options: evictions.measure(folder, repository, answers, options.loads),
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Print the reports. Returns 1 if a server failed, or gave a wrong answer."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pools", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, help="measure only these; default: all")
    parser.add_argument(
        "--models", type=Path, help="a folder that benchmarks.thousand_models has made; default: made here"
    )
    parser.add_argument("--count", type=int, default=1000, help="number of models (default: 1000)")
    parser.add_argument("--rounds", type=int, default=5, help="number of rounds (default: 5)")
    parser.add_argument("--seconds", type=int, default=3, help="length of one load (default: 3)")
    parser.add_argument(
        "--loads",
        type=int,
        default=evictions.LOADS,
        help=f"number of loads and evictions (default: {evictions.LOADS:,})",
    )
    parser.add_argument("--record", action="store_true", help=f"also write the reports to {RESULTS.name}")
    options = parser.parse_args(argv)
    command = shlex.join(["python", "-m", "benchmarks.pools", *(sys.argv[1:] if argv is None else argv)])

    adopt_orphans()
    try:
        wrk.require()
        # a short path: Ray's sockets are below it, and the limit of a socket's path is 107 characters
        with tempfile.TemporaryDirectory(prefix="pools-", dir="/tmp") as name:
            run(Path(name), options, command)
    except (SubjectError, LoadError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def run(folder: Path, options: argparse.Namespace, command: str) -> None:
    """Measure the selected parts."""
    source = options.models or folder / "made"
    if options.models is None:
        thousand_models.make(source, options.count + many_models.ADDED)
    answers = read_answers(source)[: options.count + many_models.ADDED]
    for part in options.only or PARTS:
        title, measure = PARTS[part]
        text = f"{machine.section(command)}\n\n{measure(folder / part, source / 'model_repository', answers, options)}"
        print(f"# {title}\n\n{text}\n", flush=True)
        if options.record:
            record(title, text)


if __name__ == "__main__":
    sys.exit(main())

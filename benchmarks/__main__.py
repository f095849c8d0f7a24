"""Measure modelyard against its rivals on this machine: `python -m benchmarks` (`make bench`)."""

import argparse
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import edge_cost, h2load, load_rounds, machine, metrics_overhead, report, startup, wrk
from benchmarks.artefacts import make
from benchmarks.load import LoadError
from benchmarks.record import RESULTS, record
from benchmarks.subject_process import SubjectError
from benchmarks.subjects import SUBJECTS
from modelyard.control.process_tree import adopt_orphans

TITLE = "Measured"
START_UP = "start-up"
PARTS = ("metrics", "edge")
ALL = (*PARTS, *SUBJECTS, START_UP)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the report. Returns 1 if a subject failed, because then there is nothing to compare."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=ALL, help="measure only these; default: all")
    parser.add_argument("--seconds", type=int, default=5, help="length of one load (default: 5)")
    parser.add_argument("--rounds", type=int, default=3, help="number of loads of each subject (default: 3)")
    parser.add_argument("--record", action="store_true", help=f"also write the report to {RESULTS.name}")
    arguments = parser.parse_args(argv)
    selected = arguments.only or ALL
    command = shlex.join(["python", "-m", "benchmarks", *(sys.argv[1:] if argv is None else argv)])

    adopt_orphans()
    try:
        wrk.require()
        h2load.require()
        # a short path: Ray's sockets are below it, and the limit of a socket's path is 107 characters
        with tempfile.TemporaryDirectory(prefix="bench-", dir="/tmp") as name:
            text = measure(Path(name), selected, command, rounds=arguments.rounds, seconds=arguments.seconds)
    except (SubjectError, LoadError) as error:
        print(error, file=sys.stderr)
        return 1
    print(text)
    if arguments.record:
        record(TITLE, text)
    return 0


def measure(folder: Path, selected: Sequence[str], command: str, *, rounds: int, seconds: int) -> str:
    """The report on the selected parts and subjects."""
    artefacts = make(folder)
    overhead = metrics_overhead.measure(artefacts.onnx_file, artefacts.requests.row) if "metrics" in selected else None
    edge = None
    if "edge" in selected:
        (folder / "edge").mkdir()
        edge = edge_cost.measure(folder / "edge", artefacts.requests.row, rounds=rounds, seconds=seconds)
    names = [name for name in SUBJECTS if name in selected]
    samples = load_rounds.run(names, artefacts, folder, rounds=rounds, seconds=seconds)
    start_ups: list[startup.StartUp] = []
    if START_UP in selected:
        (folder / START_UP).mkdir()
        start_ups = startup.measure(folder / START_UP, rounds)
    description = machine.describe()
    return report.render(
        command, description, samples, start_ups, edge=edge, overhead=overhead, rounds=rounds, seconds=seconds
    )


if __name__ == "__main__":
    sys.exit(main())

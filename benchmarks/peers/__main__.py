"""Measure modelyard side by side with other inference servers: `python -m benchmarks.peers` (`make bench-peers`)."""

import argparse
import shlex
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks import h2load, wrk
from benchmarks.load import LoadError
from benchmarks.peers import environments, models, peer_report
from benchmarks.peers import rounds as peer_rounds
from benchmarks.peers.cells import CELLS
from benchmarks.peers.environments import InstallError
from benchmarks.peers.registry import OURS, PEERS
from benchmarks.subjects import ROOT
from modelyard.control.process_tree import adopt_orphans

FOLDER = Path(__file__).parent
RESULTS = "RESULTS.md"


def main(argv: Sequence[str] | None = None) -> int:
    """Write the report and the charts. Returns 1 if a load program is missing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=CELLS, metavar="CELL", help=f"of {', '.join(CELLS)}; default: all")
    others = [name for name in PEERS if name != OURS]
    parser.add_argument(
        "--peers", nargs="+", choices=others, metavar="PEER", help=f"of {', '.join(others)}; default: all"
    )
    parser.add_argument(
        "--rounds", type=int, default=4, help="number of loads of each server in each cell (default: 4)"
    )
    parser.add_argument("--seconds", type=int, default=3, help="length of one load (default: 3)")
    parser.add_argument(
        "--output", type=Path, default=FOLDER, help="folder of the report and charts (default: benchmarks/peers)"
    )
    arguments = parser.parse_args(argv)
    options = sys.argv[1:] if argv is None else argv
    command = shlex.join(["python", "-m", "benchmarks.peers", *options])
    try:
        wrk.require()
        h2load.require()
    except LoadError as error:
        print(error, file=sys.stderr)
        return 1
    adopt_orphans()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped by SIGTERM"))  # stops the running server
    names, cells = [OURS, *(arguments.peers or others)], arguments.only or list(CELLS)
    arguments.output.mkdir(parents=True, exist_ok=True)
    text = ""
    for files in measure(names, cells, command, rounds=arguments.rounds, seconds=arguments.seconds):
        text = files[RESULTS]
        for name, content in files.items():
            (arguments.output / name).write_text(content, encoding="utf-8")
    print(text)
    return 0


def measure(
    names: Sequence[str], cell_names: Sequence[str], command: str, *, rounds: int, seconds: float
) -> Iterator[Mapping[str, str]]:
    """The report and the charts by file name, after each round: an interrupted run leaves those of its complete rounds."""
    selected = [PEERS[name] for name in names]
    cells = [CELLS[name] for name in CELLS if name in cell_names]
    installed, not_installed = install(sorted({peer.environment for peer in selected if peer.environment}))
    peers = [peer for peer in selected if peer.environment not in not_installed]
    versions = {name: environments.versions(name) for name in installed}
    # a short path: Ray's sockets are below it, and the limit of a socket's path is 107 characters
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/tmp") as folder:
        repository = Path(folder) / "models"
        served = {name: models.make(name, repository) for name in dict.fromkeys(cell.model for cell in cells)}
        found = peer_rounds.run(peers, cells, served, installed, Path(folder), rounds=rounds, seconds=seconds)
        for number, results in enumerate(found, start=1):
            text = peer_report.render(
                command, peers, cells, results, versions, not_installed, rounds=number, seconds=seconds
            )
            # reasons may name files of this machine
            text = text.replace(f"{folder}/", "").replace(f"{ROOT}/", "")
            yield {RESULTS: text, **peer_report.charts(peers, cells, results)}


def install(names: Sequence[str]) -> tuple[Mapping[str, Path], Mapping[str, str]]:
    """The environments that are installed, and the reasons of those that cannot be."""
    installed, reasons = {}, {}
    for name in names:
        try:
            installed[name] = environments.install(name)
        except InstallError as error:
            print(f"{name} cannot be installed: {error}", file=sys.stderr, flush=True)
            reasons[name] = str(error)
    return installed, reasons


if __name__ == "__main__":
    sys.exit(main())

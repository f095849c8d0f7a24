"""Loads the servers in rounds, one server at a time."""

import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.load import LoadError
from benchmarks.load_rounds import Sample, measure
from benchmarks.peers.cells import Cell
from benchmarks.peers.models import Served
from benchmarks.peers.peer import Peer, Start
from benchmarks.subject_process import SubjectError, responds_as_expected, running
from benchmarks.subjects import BIN
from modelyard.control.ports import free_ports

SETTLE_S = 1.0
"""After the first response: other workers may still load the model."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One load of one server."""

    peer: str
    cell: str
    round: int
    sample: Sample
    started_s: float


@dataclass(slots=True)
class Results:
    """All measurements, and the reasons of those that are missing."""

    measurements: list[Measurement] = field(default_factory=list)
    failures: dict[tuple[str, str], str] = field(default_factory=dict)
    """By server and cell. A server that has failed in a cell is not measured there again."""

    def fail(self, peer: Peer, cells: Sequence[Cell], error: Exception) -> None:
        """Record the reason: the last line that names an error, or the last line."""
        print(f"{peer.name} failed: {error}", file=sys.stderr, flush=True)
        lines = str(error).strip().splitlines() or [type(error).__name__]
        reasons = [line for line in lines if re.search(r"Error|Exception", line)] or lines
        self.failures |= {(peer.name, cell.name): reasons[-1].strip() for cell in cells}


def run(
    peers: Sequence[Peer],
    cells: Sequence[Cell],
    models: Mapping[str, Served],
    environments: Mapping[str, Path],
    folder: Path,
    *,
    rounds: int,
    seconds: float,
) -> Iterator[Results]:
    """In each round, and for each model, start every server that supports it, load it in each of the model's cells, and stop it.

    Yields the results so far after each round.

    A server is stopped, not suspended: Ray removes nodes whose health checks stall, and memory is measured with one model each.
    """
    results = Results()
    for number in range(rounds):
        for name, model in models.items():
            for peer in peers:
                selected = [
                    cell
                    for cell in cells
                    if cell.model == name and peer.supports(cell) and (peer.name, cell.name) not in results.failures
                ]
                if selected:
                    print(f"round {number + 1} of {rounds}: {name} on {peer.name}", file=sys.stderr, flush=True)
                    own = folder / f"{number}-{name}-{peer.name}"
                    own.mkdir()
                    programs = environments[peer.environment] / "bin" if peer.environment else BIN
                    start = Start(programs, own, *free_ports(2), model)
                    _load(peer, start, selected, results, number, seconds)
        yield results


def _load(peer: Peer, start: Start, cells: Sequence[Cell], results: Results, number: int, seconds: float) -> None:
    """Measure one server. Errors are recorded: the other servers are measured all the same."""
    try:
        subject = peer.subject(start, cells)
        # only the first target decides whether the server is ready, because another cell may not work
        with running(replace(subject, targets=subject.targets[:1]), start.folder) as server:
            time.sleep(SETTLE_S)
            for cell, target in zip(cells, subject.targets, strict=True):
                try:
                    if not responds_as_expected(target):
                        raise SubjectError(f"no response to the request of {cell.name}")
                    sample = measure(subject, target, server.pid, cell.connections, seconds)
                except (SubjectError, LoadError) as error:
                    results.fail(peer, [cell], error)
                else:
                    results.measurements.append(Measurement(peer.name, cell.name, number, sample, server.started_s))
    except SubjectError as error:
        results.fail(peer, cells, error)

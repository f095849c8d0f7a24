"""The rate of one model beside a thousand, and the latency of traffic to all of them."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from benchmarks import wrk
from benchmarks.load import Load
from benchmarks.markdown import table
from benchmarks.pools.answers import Answer, Zipf
from benchmarks.pools.pool_server import PoolConfig, PoolServer, running
from benchmarks.pools.rows import Row, rows_table

CONNECTIONS = (64, 4)
SEQUENCE = 20_000
"""Requests of the Zipf traffic before they are repeated."""
KINDS = 6
"""Neighbours in the list of models are of so many different kinds."""
SEED = 20240229


@dataclass(frozen=True, slots=True)
class Round:
    """Loads that follow each other."""

    alone: Load
    """One model, with 1 configured."""
    beside: Load
    """The same model, with 1,000 configured."""
    zipf: Load
    kinds: tuple[Load, ...]
    """One model of each kind by itself, on the server with 1,000 models."""

    @property
    def rate_ratio(self) -> float:
        """Requests per second beside the others to alone."""
        return self.beside.requests_per_s / self.alone.requests_per_s

    @property
    def p50_ratio(self) -> float:
        """p50 of the Zipf traffic to the mean of the kinds."""
        return self.zipf.p50_ms / mean(each.p50_ms for each in self.kinds)


def measure(folder: Path, repository: Path, answers: Sequence[Answer], *, rounds: int, seconds: float) -> str:
    """The report, as Markdown."""
    names, one, zipf = [answer.model for answer in answers], answers[3], folder / "zipf"
    folder.mkdir(parents=True, exist_ok=True)
    write_sequence(zipf, answers)
    alone = [one.model]
    with (
        running(folder / "one", PoolConfig(repository, alone)) as (small, _),
        running(folder / "all", PoolConfig(repository, names)) as (large, _),
    ):
        small.check([one])
        large.check(answers)
        found = {
            connections: [
                _round(folder, small, large, one, answers[:KINDS], zipf, connections, seconds) for _ in range(rounds)
            ]
            for connections in CONNECTIONS
        }
    return render(found, one.model, rounds, seconds)


def _round(
    folder: Path,
    small: PoolServer,
    large: PoolServer,
    one: Answer,
    kinds: Sequence[Answer],
    zipf: Path,
    connections: int,
    seconds: float,
) -> Round:
    def load(server: PoolServer, answer: Answer) -> Load:
        path = folder / "requests"
        write_requests(path, [answer])
        return wrk.run_many(server.url, path, connections=connections, seconds=seconds)

    load(small, one)
    done = Round(
        load(small, one),
        load(large, one),
        wrk.run_many(large.url, zipf, connections=connections, seconds=seconds),
        tuple(load(large, each) for each in kinds),
    )
    print(
        f"  {connections} connections: rate {done.rate_ratio:.2f}, p50 {done.p50_ratio:.2f}",
        file=sys.stderr,
        flush=True,
    )
    return done


def write_sequence(path: Path, answers: Sequence[Answer]) -> None:
    """Write requests to all models by Zipf's law, for `wrk.run_many`."""
    draws = Zipf(answers, SEED)
    write_requests(path, [draws.draw() for _ in range(SEQUENCE)])


def write_requests(path: Path, answers: Sequence[Answer]) -> None:
    """Write one request to each, in this order."""
    bodies = (json.dumps(json.loads(answer.body), separators=(",", ":")) for answer in answers)
    path.write_text("".join(f"{answer.path} {body}\n" for answer, body in zip(answers, bodies, strict=True)))


def render(found: dict[int, list[Round]], model: str, rounds: int, seconds: float) -> str:
    """The report, as Markdown."""
    at = CONNECTIONS[0]
    rows = [
        Row(
            f"requests/s of {model} at {at} connections, 1,000 models configured to 1",
            median(each.rate_ratio for each in found[at]),
            at_least=0.95,
        ),
        *(
            Row(
                f"p50 of Zipf traffic over 1,000 models to that of one, {connections} connections",
                median(each.p50_ratio for each in found[connections]),
                at_most=1.5,
            )
            for connections in CONNECTIONS
        ),
    ]
    loads = [
        [str(connections), label, *_cells([pick(each) for each in found[connections]])]
        for connections in CONNECTIONS
        for label, pick in (
            (f"{model}, 1 configured", lambda each: each.alone),
            (f"{model}, 1,000 configured", lambda each: each.beside),
            ("Zipf traffic", lambda each: each.zipf),
        )
    ]
    text = (
        f"Medians of {rounds} rounds; a load takes {seconds:g} s. Both servers run, and one has requests at a time. "
        f"The p50 of one model is the mean over {KINDS} models, one of each kind, each loaded by itself. "
        "All models are in memory."
    )
    head = ["connections", "load", "requests/s", "p50 ms", "p99 ms"]
    return f"{text}\n\n{rows_table(rows)}\n\n{table(head, loads)}"


def _cells(loads: Sequence[Load]) -> list[str]:
    return [
        f"{median(each.requests_per_s for each in loads):,.0f}",
        f"{median(each.p50_ms for each in loads):.2f}",
        f"{median(each.p99_ms for each in loads):.2f}",
    ]

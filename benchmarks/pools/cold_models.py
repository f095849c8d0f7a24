"""The first answer of a model that is not in memory, and what its load costs its neighbours."""

import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from statistics import median

from benchmarks.markdown import table
from benchmarks.pools import large_models
from benchmarks.pools.answers import Answer
from benchmarks.pools.pool_server import PoolConfig, PoolServer, running
from benchmarks.pools.rest_load import ConstantLoad
from benchmarks.pools.rows import Row, quantile, rows_table
from benchmarks.subject_process import SubjectError

MEMORY = {"forest": "36MiB", "neighbours": "16MiB"}
"""Budgets in which one copy of a model has room beside the pinned models, and not both."""
BALLAST = {"forest": ["neighbours-0"], "neighbours": []}
"""Further pinned models: a forest is smaller in memory than its file, and than the smallest budget."""
SMALL = 600
"""Small models: several times as many as the budget has room for, so that the oldest of them is not in memory."""
LOADS = 120
PAUSE_S = 0.3
"""Between two loads: if a pool spends more than half of its time on loading evicted models, it rejects requests for cold ones."""
METRICS_S = 4.0
"""After this the metrics include every load."""
NEIGHBOURS = 6
RATE = 200.0
ROUND_S = 10.0


def measure(folder: Path, repository: Path, answers: Sequence[Answer], *, rounds: int) -> str:
    """The report, as Markdown."""
    models = folder / "models"
    neighbours, small = answers[:NEIGHBOURS], answers[NEIGHBOURS : NEIGHBOURS + SMALL]
    for answer in (*neighbours, *small):
        shutil.copytree(repository / answer.model, models / answer.model)
    large = large_models.make(models)
    rows, details = [], []
    for kind, copies in large.items():
        size = large_models.artefact_bytes(models, copies[0].model) / 1e6
        config = PoolConfig(
            models,
            [*(answer.model for answer in (*neighbours, *copies)), *BALLAST[kind]],
            memory=MEMORY[kind],
            load="lazy",
            pinned=[*(answer.model for answer in neighbours), *BALLAST[kind]],
        )
        with running(folder / kind, config) as (server, _):
            times = first_answers(server, copies)
            ratios, pairs = neighbour_rounds(server, neighbours, copies, rounds)
        p99 = 1e3 * quantile(times, 0.99)
        goal = 150 if kind == "forest" else None
        rows += [
            Row(f"first answer of a cold {kind} model of {size:.1f} MB, p99 of {len(times)} loads", p99, "ms", goal),
            Row(f"the neighbours' p99 while {kind} models load, to that without", median(ratios), "", 2),
        ]
        details.append([kind, *(f"{1e3 * quantile(times, each):.0f}" for each in (0.5, 0.9, 0.99, 1)), *_pair(pairs)])
    config = PoolConfig(
        models,
        [answer.model for answer in (*neighbours, *small)],
        memory="16MiB",
        load="lazy",
        pinned=[answer.model for answer in neighbours],
    )
    with running(folder / "small", config) as (server, _):
        times = first_answers(server, small)
        ratios, pairs = neighbour_rounds(server, neighbours, small, rounds)
    rows.append(Row("the neighbours' p99 while small models load, to that without", median(ratios), "", 2))
    details.append(["small", *(f"{1e3 * quantile(times, each):.0f}" for each in (0.5, 0.9, 0.99, 1)), *_pair(pairs)])
    text = (
        f"A request to a cold model {PAUSE_S:g} s after the answer before; its load evicts another model. "
        f"{NEIGHBOURS} pinned models get {RATE:g} requests/s meanwhile, at a constant rate. "
        f"Medians of {rounds} rounds of {ROUND_S:g} s, with and without loads."
    )
    head = ["cold models", "first answer p50 ms", "p90", "p99", "slowest", "neighbours' p99 without ms", "with"]
    return f"{text}\n\n{rows_table(rows)}\n\n{table(head, details)}"


def first_answers(server: PoolServer, copies: Sequence[Answer]) -> list[float]:
    """Seconds of requests that each wait for a load. Raises SubjectError if one did not."""
    server.check(copies)  # a first load also imports the framework and checks the model
    time.sleep(METRICS_S)
    before, times = server.metric("pool_loads_total"), []
    turns = cycle(copies)
    for _ in range(LOADS):
        time.sleep(PAUSE_S)
        begun = time.perf_counter()
        server.check([next(turns)])
        times.append(time.perf_counter() - begun)
    time.sleep(METRICS_S)
    if (loads := server.metric("pool_loads_total") - before) != LOADS:
        raise SubjectError(f"{loads:g} loads for {LOADS} requests: the budget must have room for one model")
    print(f"  first answer p99: {1e3 * quantile(times, 0.99):.0f} ms", file=sys.stderr, flush=True)
    return times


Pair = tuple[float, float]
"""p99 without loads and with."""


def neighbour_rounds(
    server: PoolServer, neighbours: Sequence[Answer], cold: Sequence[Answer], rounds: int
) -> tuple[list[float], list[Pair]]:
    """The neighbours' p99 with loads to that without, in rounds."""
    pairs = []
    for _ in range(rounds):
        without = _p99(server, neighbours)
        with loading(server, cold):
            pairs.append((without, _p99(server, neighbours)))
        print(
            f"  neighbours' p99: {1e3 * pairs[-1][0]:.1f} to {1e3 * pairs[-1][1]:.1f} ms", file=sys.stderr, flush=True
        )
    return [after / before for before, after in pairs], pairs


def _p99(server: PoolServer, neighbours: Sequence[Answer]) -> float:
    with ConstantLoad(server.port, neighbours, RATE) as load:
        time.sleep(ROUND_S)
    return quantile(load.seconds, 0.99)


@contextmanager
def loading(server: PoolServer, cold: Sequence[Answer]) -> Iterator[None]:
    """Load cold models while the block runs."""
    stop, problems = threading.Event(), []
    turns = cycle(cold)

    def run() -> None:
        try:
            while not stop.wait(PAUSE_S):
                server.check([next(turns)])
        except SubjectError as error:
            problems.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if problems:
        raise problems[0]


def _pair(pairs: Sequence[Pair]) -> list[str]:
    return [f"{1e3 * median(pair[each] for pair in pairs):.1f}" for each in (0, 1)]

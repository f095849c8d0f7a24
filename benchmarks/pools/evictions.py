"""Loads and evictions by the thousand: the resident size of the replica stays the same."""

import sys
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

from benchmarks.markdown import table
from benchmarks.pools.answers import Answer
from benchmarks.pools.pool_server import PoolConfig, PoolServer, running
from benchmarks.pools.rows import Row, rows_table

MEMORY = "16MiB"
LOADS = 10_000
STEPS = 20
PAUSE_SHARE = 1.3
"""Pause after each answer, as a share of its duration: a pool that spends more than half of its time loading evicted models rejects
requests for cold ones."""


def measure(folder: Path, repository: Path, answers: Sequence[Answer], loads: int = LOADS) -> str:
    """The report, as Markdown. Every model is loaded once before the first measurement of memory."""
    config = PoolConfig(repository, [answer.model for answer in answers], memory=MEMORY, load="lazy")
    with running(folder / "evictions", config) as (server, _):
        turns = cycle(answers)
        request(server, list(islice(turns, len(answers))))
        sizes = [(0, 0.0, server.resident_bytes())]
        before = counts(server)
        begun = time.monotonic()
        for step in range(1, STEPS + 1):
            request(server, list(islice(turns, loads // STEPS)))
            sizes.append((step * loads // STEPS, time.monotonic() - begun, server.resident_bytes()))
            print(f"  {sizes[-1][0]} requests: {sizes[-1][2] / 1e6:.1f} MB", file=sys.stderr, flush=True)
        time.sleep(2)  # the metrics come once a second
        after = counts(server)
    first, last = sizes[0][2], sizes[-1][2]
    done, evicted = after[0] - before[0], after[1] - before[1]
    rows = [
        Row("resident size of the replica after, to before", last / first, at_most=1.05),
        Row("the largest in between, to before", max(size for *_, size in sizes) / first),
        Row("loads", done),
        Row("evictions", evicted),
        Row("loads per second", done / sizes[-1][1]),
    ]
    head = ["requests", "seconds", "resident MB"]
    steps = [[f"{count:,}", f"{seconds:.0f}", f"{size / 1e6:.1f}"] for count, seconds, size in sizes]
    text = f"{len(answers)} models in turn in a pool of {MEMORY}, each answer checked. Before: after the first load of every model."
    return f"{text}\n\n{rows_table(rows)}\n\n{table(head, steps)}"


def request(server: PoolServer, answers: Sequence[Answer]) -> None:
    """One request to each, with pauses."""
    for answer in answers:
        begun = time.monotonic()
        server.check([answer])
        time.sleep(PAUSE_SHARE * (time.monotonic() - begun))


def counts(server: PoolServer) -> tuple[float, float]:
    """Loads and evictions so far."""
    return server.metric("pool_loads_total"), server.metric("pool_evictions_total")

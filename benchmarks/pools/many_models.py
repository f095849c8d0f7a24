"""One pool with a thousand models: start, memory, idle CPU, commands, and a change of one model."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.markdown import table
from benchmarks.pools.answers import Answer
from benchmarks.pools.pool_server import SERVER, PoolConfig, PoolServer, running
from benchmarks.pools.rows import Row, rows_table
from benchmarks.processes import Process
from benchmarks.startup import memory_of
from benchmarks.subject_process import SubjectError, fetch

ADDED = 20
"""Models that are added one by one."""
FEW = 50
"""Models of the second server, which shows what a further model costs, and what a small fleet costs when it is idle."""
SETTLE_S, IDLE_S = 20.0, 60.0
TURNS = 3
POLL_S = 0.01


def measure(folder: Path, repository: Path, answers: Sequence[Answer]) -> str:
    """The report, as Markdown."""
    added, served = answers[:ADDED], answers[ADDED:]
    names = [answer.model for answer in served]
    with running(folder / "few", PoolConfig(repository, names[:FEW])) as (server, _):
        time.sleep(SETTLE_S)
        few_bytes, few_idle = server.pss_bytes(), sum(idle_shares(server).values())
    with running(folder / "all", PoolConfig(repository, names)) as (server, ready_s):
        pool = server.pool()
        time.sleep(SETTLE_S)
        memory = memory_of(server.process.pid)
        all_bytes = sum(map(sum, memory.values()))
        idle = idle_shares(server)
        validate_s, plan_s = (command_s(server, name) for name in ("validate", "plan"))
        list_s, list_bytes = download(server, "/models")
        page_s, _ = download(server, "/models?limit=100")
        openapi_s, openapi_bytes = download(server, "/openapi.json")
        status_s = command_s(server, "status")
        server.check(served)
        changes = [added_s(server, answer) for answer in added]
        further = (all_bytes - few_bytes) / (len(names) - FEW)
        rows = [
            Row("memory of all processes (PSS)", all_bytes / 1e9, "GB", at_most=4),
            Row(f"memory of a further model (from {FEW} models on)", further / 1e6, "MB", at_most=2),
            Row("start to all READY", ready_s, "s", at_most=60),
            Row("YAML of a further model saved to its first answer, median of 20", median(changes), "s", at_most=1.5),
            Row("the same, the slowest", max(changes), "s"),
            Row(f"idle CPU of all processes with {FEW} models, % of a core", 100 * few_idle, "%", at_most=12),
            Row("idle CPU of all processes, % of a core", 100 * sum(idle.values()), "%"),
            Row("idle CPU of the control loop's process, % of a core", 100 * idle.get(SERVER, 0), "%", at_most=5),
            Row("`modelyard validate`", validate_s, "s", at_most=2),
            Row("`modelyard plan`", plan_s, "s", at_most=3),
            Row("`modelyard status`", status_s, "s"),
            Row(f"`GET /models`, {list_bytes / 1e3:.0f} kB", 1e3 * list_s, "ms"),
            Row("`GET /models?limit=100`", 1e3 * page_s, "ms"),
            Row(f"`GET /openapi.json`, in {1e3 * openapi_s:.0f} ms", openapi_bytes / 1e3, "kB", at_most=1000),
        ]
    processes = [
        [title, str(len(each)), f"{sum(each) / 1e6:,.0f}", f"{100 * idle.get(title, 0):.1f}"]
        for title, each in sorted(memory.items(), key=lambda item: -sum(item[1]))
    ]
    text = (
        f"{len(names)} models, scikit-learn and ONNX mixed; {pool['resident']} of them in memory, with "
        f"{pool['used_bytes'] / 1e6:.0f} MB of the pool's budget. Every one was checked for its own answer."
    )
    return f"{text}\n\n{rows_table(rows)}\n\n{table(['process', 'number', 'MB', '% of a core, idle'], processes)}"


def idle_shares(server: PoolServer, seconds: float = IDLE_S) -> dict[str, float]:
    """CPU seconds per second without requests, by process title."""
    before = {(each.pid, each.started): each.cpu_us for each in server.processes()}
    begun = time.monotonic()
    time.sleep(seconds)
    return shares(before, server.processes(), time.monotonic() - begun)


def shares(before: dict[tuple[int, int], float], after: Sequence[Process], seconds: float) -> dict[str, float]:
    """CPU seconds per second by process title. `before` is the CPU time in microseconds by pid and start."""
    spent: dict[str, float] = {}
    for each in after:
        own = each.cpu_us - before.get((each.pid, each.started), 0)
        spent[each.title] = spent.get(each.title, 0) + own / seconds / 1e6
    return spent


def command_s(server: PoolServer, name: str) -> float:
    """Seconds of a command; the median of a few."""
    return median(server.command(name)[0] for _ in range(TURNS))


def download(server: PoolServer, path: str) -> tuple[float, int]:
    """Seconds, the median of a few, and bytes of a document."""
    times = []
    for _ in range(TURNS):
        begun = time.perf_counter()
        status, body = fetch(server.url + path)
        times.append(time.perf_counter() - begun)
        if status != 200:
            raise SubjectError(f"{path}: {status}")
    json.loads(body)
    return median(times), len(body)


def added_s(server: PoolServer, answer: Answer) -> float:
    """Seconds from a further model's YAML to its first answer, which is checked."""
    if server.predict(answer):
        raise SubjectError(f"{answer.model} is there already")
    server.configure(answer.model)
    seconds = server.wait(lambda: server.predict(answer), POLL_S)
    print(f"  {answer.model} added: {seconds:.2f} s", file=sys.stderr, flush=True)
    return seconds

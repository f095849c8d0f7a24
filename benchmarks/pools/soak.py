"""A soak of a pool: `python -m benchmarks.pools.soak --minutes 20`.

Exits with 1 if an answer was wrong or lost, if an edit was not applied, or if memory grows.

The budget of the pool forces evictions. Requests come at a constant rate by Zipf's law, over REST and gRPC, and every answer is
compared with the model's own. Meanwhile one model after the other is edited: its description, its artefact, its version, a broken
artefact that must be refused, its removal and its return. Until the server reports an edit, the answers of before and after are
right; then only the one after.
"""

import argparse
import json
import shlex
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import machine, thousand_models
from benchmarks.markdown import table
from benchmarks.pools.answers import read_answers
from benchmarks.pools.pool_server import PoolConfig, PoolServer, running
from benchmarks.pools.rows import quantile
from benchmarks.pools.soak_answers import Allowed, Outcomes
from benchmarks.pools.soak_edits import Editor
from benchmarks.pools.soak_traffic import Traffic, kinds
from benchmarks.record import RESULTS, record
from benchmarks.subject_process import SubjectError, fetch
from modelyard.control.process_tree import adopt_orphans

TITLE = "Pools: soak"
MEMORY = "140MiB"
REST_PER_S, GRPC_PER_S = 120.0, 20.0
EDIT_EVERY_S = 5.0
WARM_MINUTES, COMPARED = 5, 3
"""Minutes before memory is compared, and the number of minutes at the begin and at the end of which it is."""
MAX_GROWTH = 1.05
SEED = 20240229


@dataclass(frozen=True)
class Soak:
    """What a soak runs with."""

    minutes: int = 20
    memory: str = MEMORY
    rest_per_s: float = REST_PER_S
    grpc_per_s: float = GRPC_PER_S


@dataclass(frozen=True, slots=True)
class Minute:
    """The server at the end of a minute; counts since the start."""

    replica_bytes: int
    all_bytes: int
    loads: float
    evictions: float
    rejected: float
    edits: int


@dataclass(frozen=True, slots=True)
class SoakResult:
    """What a soak has found."""

    minutes: Sequence[Minute]
    traffic: Outcomes
    editor: Editor

    @property
    def wrong(self) -> Counter[str]:
        """Wrong answers by protocol."""
        return self.traffic.wrong + self.editor.outcomes.wrong

    @property
    def lost(self) -> Counter[str]:
        """Requests without an answer by kind."""
        return self.traffic.lost + self.editor.outcomes.lost

    def problems(self) -> list[str]:
        """What must not be; empty if all is well."""
        found = [f"wrong: {kinds(self.wrong)}"] if self.wrong else []
        found += [f"lost: {kinds(self.lost)}"] if self.lost else []
        found += [f"not applied: {each}" for each in self.editor.failed]
        found += growth("the replica", [each.replica_bytes for each in self.minutes])
        found += growth("all processes", [each.all_bytes for each in self.minutes])
        if not self.minutes or not self.minutes[-1].evictions:
            found.append("nothing was evicted: the budget is too large")
        return found


def growth(what: str, sizes: Sequence[int]) -> list[str]:
    """What has grown by more than MAX_GROWTH after the warm-up. Nothing is compared in a short soak."""
    if len(sizes) < WARM_MINUTES + 2 * COMPARED:
        return []
    before = median(sizes[WARM_MINUTES : WARM_MINUTES + COMPARED])
    after = median(sizes[-COMPARED:])
    if after <= MAX_GROWTH * before:
        return []
    return [f"{what} grew from {before / 1e6:.0f} to {after / 1e6:.0f} MB"]


def soak(folder: Path, source: Path, settings: Soak) -> SoakResult:
    """Run a soak in a folder, with the models of another folder, which `thousand_models` has made."""
    answers = read_answers(source)
    repository = folder / "model_repository"
    shutil.copytree(source / "model_repository", repository)
    templates = thousand_models.templates()
    config = PoolConfig(repository, [answer.model for answer in answers], memory=settings.memory)
    with running(folder / "server", config) as (server, ready_s):
        print(f"READY after {ready_s:.1f} s", file=sys.stderr, flush=True)
        one_of_each = answers[: len(templates)]
        server.check(one_of_each)
        by_kind = {answer.model.rpartition("-")[0]: input_of(server, answer.model) for answer in one_of_each}
        inputs = {answer.model: by_kind[answer.model.rpartition("-")[0]] for answer in answers}
        allowed = Allowed(answers)
        traffic = Traffic(
            (server.port, server.grpc_port),
            answers,
            inputs,
            allowed,
            rates=(settings.rest_per_s, settings.grpc_per_s),
            seed=SEED,
        )
        editor = Editor(server, traffic.ranked, templates, allowed, seed=SEED)
        minutes: list[Minute] = []
        with traffic:
            begun = time.monotonic()
            edit_at = begun + EDIT_EVERY_S
            while len(minutes) < settings.minutes:
                now, minute_at = time.monotonic(), begun + 60 * (len(minutes) + 1)
                if now >= minute_at:
                    minutes.append(observe(server, editor.applied))
                    report(minutes, traffic.outcomes, editor)
                elif now >= edit_at:
                    edit_at = max(edit_at + EDIT_EVERY_S, now)
                    editor.edit()
                else:
                    time.sleep(max(0.0, min(minute_at, edit_at) - now))
    return SoakResult(minutes, traffic.outcomes, editor)


def observe(server: PoolServer, edits: int) -> Minute:
    """The server now."""
    return Minute(
        replica_bytes=server.resident_bytes(),
        all_bytes=server.pss_bytes(),
        loads=server.metric("pool_loads_total"),
        evictions=server.metric("pool_evictions_total"),
        rejected=server.metric("pool_requests_rejected_total"),
        edits=edits,
    )


def report(minutes: Sequence[Minute], outcomes: Outcomes, editor: Editor) -> None:
    """One line about the server, and the first problems of the last minute."""
    last, number = minutes[-1], len(minutes)
    print(
        f"minute {number}: {outcomes.answers():,} answers, wrong {kinds(outcomes.wrong)}, lost {kinds(outcomes.lost)}, "
        f"{last.edits} edits, {last.loads:.0f} loads, {last.evictions:.0f} evictions, replica {last.replica_bytes / 1e6:.0f} MB, "
        f"all {last.all_bytes / 1e6:.0f} MB",
        file=sys.stderr,
        flush=True,
    )
    for text in (*outcomes.take_shown(), *editor.outcomes.take_shown()):
        print(f"  {text}", file=sys.stderr, flush=True)


def input_of(server: PoolServer, model: str) -> tuple[str, str]:
    """The name and the datatype of a model's only input. Raises SubjectError."""
    status, body = fetch(f"{server.url}/v2/models/{model}")
    if status != 200:
        raise SubjectError(f"{model} has no description: {status} {body!r}")
    (only,) = json.loads(body)["inputs"]
    return only["name"], only["datatype"]


def render(result: SoakResult, settings: Soak, models: int) -> str:
    """The report, as Markdown."""
    traffic, editor, last = result.traffic, result.editor, result.minutes[-1]
    seconds = 60 * len(result.minutes)
    totals = [
        ["right answers, each compared with the model's own", f"{traffic.answers() + editor.outcomes.answers():,}"],
        *(
            [
                f"p50 and p99 over {name}",
                " and ".join(f"{1e3 * traffic.quantile_s(name, share):.1f} ms" for share in (0.5, 0.99)),
            ]
            for name in sorted(traffic.seconds)
        ),
        ["right answers of removed models (404)", f"{traffic.absent:,}"],
        ["wrong answers", kinds(result.wrong)],
        ["lost answers", kinds(result.lost)],
        ["edits applied", f"{editor.applied:,}"],
        ["edits not applied", f"{len(editor.failed)}"],
        ["loads", f"{last.loads:,.0f}"],
        ["evictions", f"{last.evictions:,.0f} ({last.evictions / seconds:.1f}/s)"],
        ["requests rejected because the pool spends most of its time loading", f"{last.rejected:,.0f}"],
        ["problems", "; ".join(result.problems()) or "none"],
    ]
    edits = [
        [name, str(len(each)), f"{median(each):.1f}", f"{max(each):.1f}"]
        for name, each in editor.seconds.items()
        if each
    ]
    edits += [
        [f"first answer: {name}", str(len(each)), f"{median(each):.1f}", f"{max(each):.1f}"]
        for name, each in editor.first_answers.items()
    ]
    text = (
        f"{models} models in a pool of {settings.memory}, {settings.minutes} minutes; {settings.rest_per_s:g} requests/s over REST "
        f"and {settings.grpc_per_s:g} over gRPC by Zipf's law; an edit every {EDIT_EVERY_S:g} s."
    )
    parts = [
        text,
        table(["", ""], totals),
        table(["edit", "number", "median s, until reported", "slowest s"], edits),
        table(
            ["minute", "answers", "p50 ms", "p99 ms", "loads", "evictions", "edits", "replica MB", "all MB"],
            minute_rows(result.minutes, traffic),
        ),
    ]
    return "\n\n".join(parts)


def minute_rows(minutes: Sequence[Minute], traffic: Outcomes) -> list[list[str]]:
    """One row for each minute; counts are those of the minute."""
    rows, before = [], Minute(0, 0, 0, 0, 0, 0)
    for number, each in enumerate(minutes):
        times = traffic.in_minute(number) or [0.0]
        rows.append(
            [
                str(number + 1),
                f"{len(times):,}",
                f"{1e3 * quantile(times, 0.5):.1f}",
                f"{1e3 * quantile(times, 0.99):.0f}",
                f"{each.loads - before.loads:.0f}",
                f"{each.evictions - before.evictions:.0f}",
                str(each.edits - before.edits),
                f"{each.replica_bytes / 1e6:.0f}",
                f"{each.all_bytes / 1e6:.0f}",
            ]
        )
        before = each
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns 1 if there are problems."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pools.soak", description=__doc__)
    parser.add_argument(
        "--models", type=Path, help="a folder that benchmarks.thousand_models has made; default: made here"
    )
    parser.add_argument("--count", type=int, default=1000, help="number of models that are made (default: 1000)")
    parser.add_argument("--minutes", type=int, default=Soak.minutes, help=f"(default: {Soak.minutes})")
    parser.add_argument("--memory", default=MEMORY, help=f"budget of the pool (default: {MEMORY})")
    parser.add_argument("--rest", type=float, default=REST_PER_S, help=f"REST requests/s (default: {REST_PER_S:g})")
    parser.add_argument("--grpc", type=float, default=GRPC_PER_S, help=f"gRPC calls/s (default: {GRPC_PER_S:g})")
    parser.add_argument("--record", action="store_true", help=f"write the report to {RESULTS.name}")
    arguments = parser.parse_args(argv)
    settings = Soak(arguments.minutes, arguments.memory, arguments.rest, arguments.grpc)
    command = shlex.join(["python", "-m", "benchmarks.pools.soak", *(sys.argv[1:] if argv is None else argv)])
    adopt_orphans()
    # a short path: Ray's sockets are below it, and the limit of a socket's path is 107 characters
    with tempfile.TemporaryDirectory(prefix="soak-", dir="/tmp") as name:
        source = arguments.models or Path(name) / "made"
        if arguments.models is None:
            thousand_models.make(source, arguments.count)
        models = len(read_answers(source))
        result = soak(Path(name), source, settings)
    text = f"{machine.section(command)}\n\n{render(result, settings, models)}"
    print(text)
    if arguments.record:
        record(TITLE, text)
    return 1 if result.problems() else 0


if __name__ == "__main__":
    sys.exit(main())

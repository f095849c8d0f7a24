"""Medians, ratios, goals and their Markdown. Pure: samples in, text out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.race import CONNECTIONS, Sample
from benchmarks.startup import StartUp

TITLES = {
    "modelyard": "**modelyard**",
    "uvicorn": "plain uvicorn + onnxruntime",
    "ray-serve": "Ray Serve as documented",
    "sklearn": "**modelyard**, batching",
    "sklearn-unbatched": "modelyard, `batching: {max_size: 1}`",
    "sklearn-own-predict": "the pipeline's own `predict_proba`, `max_size: 1`",
}

METHOD = """\
wrk with one thread, on the same machine as the server, {seconds} s a load. Medians of {rounds} rounds in which the
servers take turns, each running alone; slowest and fastest are rounds. Ratio is to the last server of each load.
Replica, proxy and other are CPU microseconds a request: of the process that runs the model, of HAProxy or Ray Serve's
Python proxy, and of all the rest. MB is the memory (PSS) of all the server's processes. No request failed: one error
ends a run. Ray Serve runs with `max_ongoing_requests=100`; with its default of 5 it is many times slower at 64."""

LOAD = ("connections", "server", "requests/s", "slowest", "fastest", "ratio", "p50 ms", "p99 ms")
COST = ("replica", "proxy", "other", "MB")


@dataclass(frozen=True, slots=True)
class Summary:
    """Medians over the rounds of one subject under one load."""

    requests_per_s: float
    slowest_round: float
    fastest_round: float
    p50_ms: float
    p99_ms: float
    replica_us: float
    proxy_us: float
    other_us: float
    pss_bytes: float


Summaries = Mapping[tuple[str, int], Summary]
"""By subject and connections."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Subjects that do the same work; the first is ours, the last is what the others are compared to."""

    title: str
    subjects: tuple[str, ...]

    @property
    def baseline(self) -> str:
        return self.subjects[-1]


COMPARISONS = (
    Comparison("The iris model as ONNX, one row a request", ("modelyard", "uvicorn", "ray-serve")),
    Comparison(
        "The iris pipeline of scikit-learn, one row a request", ("sklearn", "sklearn-unbatched", "sklearn-own-predict")
    ),
)


def summarize(samples: Iterable[Sample]) -> Summaries:
    """Medians by subject and connections."""
    runs: dict[tuple[str, int], list[Sample]] = {}
    for sample in samples:
        runs.setdefault((sample.subject, sample.connections), []).append(sample)
    return {key: _summary(same) for key, same in runs.items()}


def _summary(same: Sequence[Sample]) -> Summary:
    rates = [sample.load.requests_per_s for sample in same]
    return Summary(
        requests_per_s=median(rates),
        slowest_round=min(rates),
        fastest_round=max(rates),
        p50_ms=median(sample.load.p50_ms for sample in same),
        p99_ms=median(sample.load.p99_ms for sample in same),
        replica_us=median(sample.cpu_us["replica"] for sample in same),
        proxy_us=median(sample.cpu_us["proxy"] for sample in same),
        other_us=median(sample.cpu_us["other"] for sample in same),
        pss_bytes=median(sample.pss_bytes for sample in same),
    )


def comparison_table(comparison: Comparison, summaries: Summaries) -> str:
    """Every load and subject of the comparison that was measured; ratios where the baseline was."""
    rows = []
    for connections in CONNECTIONS:
        baseline = summaries.get((comparison.baseline, connections))
        for name in comparison.subjects:
            if own := summaries.get((name, connections)):
                ratio = f"{own.requests_per_s / baseline.requests_per_s:.1f}x" if baseline else ""
                rows.append([str(connections), TITLES[name], *_cells(own, ratio)])
    return table([*LOAD, *COST], rows)


def _cells(own: Summary, ratio: str) -> list[str]:
    return [
        f"{own.requests_per_s:,.0f}",
        f"{own.slowest_round:,.0f}",
        f"{own.fastest_round:,.0f}",
        ratio,
        f"{own.p50_ms:.2f}",
        f"{own.p99_ms:.2f}",
        f"{own.replica_us:,.0f}",
        f"{own.proxy_us:,.0f}",
        f"{own.other_us:,.0f}",
        f"{own.pss_bytes / 1e6:,.0f}",
    ]


def goals_table(summaries: Summaries) -> str:
    """The goals that this run can tell something about; "" where there are none."""
    rows = []
    ours, documented = summaries.get(("modelyard", 64)), summaries.get(("ray-serve", 64))
    batched, unbatched = summaries.get(("sklearn", 64)), summaries.get(("sklearn-own-predict", 64))
    if ours and documented:
        ratio = ours.requests_per_s / documented.requests_per_s
        rows.append(["requests/s to Ray Serve as documented", "at least 30x", f"{ratio:.1f}x", _met(ratio >= 30)])
    if ours:
        rows.append(
            ["replica CPU a request", "at most 60 us", f"{ours.replica_us:.0f} us", _met(ours.replica_us <= 60)]
        )
    if batched and unbatched:
        ratio = batched.requests_per_s / unbatched.requests_per_s
        rows.append(
            ["scikit-learn, to its own `predict_proba` unbatched", "at least 5x", f"{ratio:.1f}x", _met(ratio >= 5)]
        )
    return table(["at 64 connections", "goal", "measured", ""], rows) if rows else ""


def _met(yes: bool) -> str:
    return "met" if yes else "**missed**"


def start_up_tables(start_up: StartUp) -> str:
    """Waiting times, and memory by kind of process."""
    waits = table(
        ["from", "to", "seconds"],
        [
            ["`modelyard up`", f"all {start_up.models} examples READY", f"{start_up.ready_s:.1f}"],
            ["a new model's YAML saved", "its first answer", f"{start_up.new_model_s:.1f}"],
        ],
    )
    sizes = [
        [title, str(len(each)), f"{sum(each) / len(each) / 1e6:,.0f}", f"{sum(each) / 1e6:,.0f}"]
        for title, each in sorted(start_up.memory.items(), key=lambda item: -sum(item[1]))
    ]
    total = sum(sum(each) for each in start_up.memory.values())
    count = sum(len(each) for each in start_up.memory.values())
    everything = ["all", str(count), "", f"{total / 1e6:,.0f}"]
    return f"{waits}\n\n{table(['process', 'number', 'MB each', 'MB'], [*sizes, everything])}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, aligned for reading as text too."""
    widths = [max(3, *(len(row[column]) for row in [head, *rows])) for column in range(len(head))]

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    return "\n".join([line(head), line("-" * width for width in widths), *(line(row) for row in rows)])


def render(
    command: str,
    machine: Mapping[str, str],
    samples: Sequence[Sample],
    start_up: StartUp | None,
    *,
    rounds: int,
    seconds: int,
) -> str:
    """The whole document."""
    summaries = summarize(samples)
    parts = [
        "# Measured",
        f"`{command}` on this machine:",
        "\n".join(f"- {label}: {text}" for label, text in machine.items()),
    ]
    if samples:
        parts += [METHOD.format(seconds=seconds, rounds=rounds), goals_table(summaries)]
    for comparison in COMPARISONS:
        if any((name, CONNECTIONS[0]) in summaries for name in comparison.subjects):
            parts += [f"## {comparison.title}", comparison_table(comparison, summaries)]
    if start_up:
        parts += ["## Start-up and memory", start_up_tables(start_up)]
    return "\n\n".join(part for part in parts if part) + "\n"

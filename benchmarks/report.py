"""Renders the samples as Markdown: medians, ratios and goals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.edge_cost import MANY_MODELS, EdgeCost
from benchmarks.goals import Measured, goals_table
from benchmarks.load_rounds import Sample
from benchmarks.markdown import table
from benchmarks.metrics_overhead import MetricsOverhead
from benchmarks.startup import StartUp, typical
from benchmarks.summary import Summaries, Summary, summarize

TITLES = {
    "modelyard": "**modelyard**",
    "uvicorn": "plain uvicorn + onnxruntime",
    "ray-serve": "Ray Serve as documented",
    "modelyard-grpc": "**modelyard**",
    "grpc-aio": "grpc.aio + onnxruntime",
    "tensor-binary": "**modelyard**, binary tensors",
    "tensor-json": "modelyard, JSON",
    "sklearn": "**modelyard**, batching",
    "sklearn-unbatched": "modelyard, `batching: {max_size: 1}`",
    "sklearn-own-predict": "the pipeline's own `predict_proba`, `max_size: 1`",
}

METHOD = """\
The load program is wrk, or h2load for gRPC, with one thread, on the same machine as the server; a load takes {seconds} s.
The values are medians of {rounds} rounds. In a round each server runs alone, one after the other. Slowest and fastest are the
slowest and the fastest round. The ratio is relative to the last server of each load. Replica, proxy and other are CPU
microseconds per request: of the process that runs the model, of HAProxy or Ray Serve's Python proxy, and of all other
processes. MB is the memory (PSS) of all processes of the server. No request failed: one error ends a run. For gRPC, 64 calls
are in flight on all connections together, because gRPC clients share a connection among many calls. Ray Serve runs with
`max_ongoing_requests=100`; with its default of 5 it is many times slower at 64 connections."""

PARTS = """\
Ratios are medians over pairs of alternating turns. The backends of all models lead HAProxy to one small server. The parts of a
replica run in one process without sockets; metrics include the snapshots of the push thread."""

START_UP = """\
Idle CPU is of one core, over 20 s without requests that begin 15 s after the start. Memory is PSS, which divides a page by the
number of processes that share it: Ray's workers are forks of the fork server, and share what it has imported."""

LOAD = ("connections", "server", "requests/s", "slowest", "fastest", "ratio", "p50 ms", "p99 ms")
COST = ("replica", "proxy", "other", "MB")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Targets that do the same work. The first is modelyard, the last is the baseline."""

    title: str
    targets: tuple[str, ...]

    @property
    def baseline(self) -> str:
        return self.targets[-1]


COMPARISONS = (
    Comparison("The iris model as ONNX, one row per request", ("modelyard", "uvicorn", "ray-serve")),
    Comparison("The iris model over gRPC", ("modelyard-grpc", "grpc-aio")),
    Comparison("A tensor of 1 MiB, FP32", ("tensor-binary", "tensor-json")),
    Comparison(
        "The iris pipeline of scikit-learn, one row per request",
        ("sklearn", "sklearn-unbatched", "sklearn-own-predict"),
    ),
)


def comparison_table(comparison: Comparison, summaries: Summaries) -> str:
    """The measured loads and targets of the comparison; with ratios if the baseline was measured."""
    rows = []
    for connections in sorted({load for name, load in summaries if name in comparison.targets}):
        baseline = summaries.get((comparison.baseline, connections))
        for name in comparison.targets:
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


def start_up_tables(runs: Sequence[StartUp]) -> str:
    """Waiting times of each run; memory and idle CPU by process title, of the run with the median idle CPU."""
    start_up = typical(runs)
    times = table(
        ["from", "to", "seconds", "in each run"],
        [
            [
                "`modelyard up`",
                f"all {start_up.models} examples READY",
                f"{start_up.ready_s:.1f}",
                ", ".join(f"{run.ready_s:.1f}" for run in runs),
            ],
            [
                "YAML of an additional model saved",
                "its first response",
                f"{start_up.new_model_s:.1f}",
                ", ".join(f"{run.new_model_s:.1f}" for run in runs),
            ],
        ],
    )
    sizes = [
        [
            title,
            str(len(each)),
            f"{sum(each) / len(each) / 1e6:,.0f}",
            f"{sum(each) / 1e6:,.0f}",
            f"{start_up.idle.get(title, 0):.1%}",
        ]
        for title, each in sorted(start_up.memory.items(), key=lambda item: -sum(item[1]))
    ]
    count = sum(len(each) for each in start_up.memory.values())
    total_row = ["all", str(count), "", f"{start_up.memory_bytes / 1e6:,.0f}", f"{start_up.idle_cores:.1%}"]
    return f"{times}\n\n{table(['process', 'number', 'MB each', 'MB', 'idle CPU'], [*sizes, total_row])}"


def parts_table(edge: EdgeCost | None, overhead: MetricsOverhead | None) -> str:
    """The parts that were measured without a whole server; "" if there are none."""
    rows = []
    if edge:
        rows += [
            ["HAProxy with our frontends, 1 model", f"{median(edge.one_us):.1f}", ""],
            [f"the same with {MANY_MODELS} models", f"{median(edge.many_us):.1f}", f"{edge.ratio:.3f}x"],
        ]
    if overhead:
        rows += [
            ["fast path, codec, scheduler and model, without metrics", f"{median(overhead.without_us):.1f}", ""],
            ["the same with metrics", f"{median(overhead.with_us):.1f}", f"{overhead.ratio:.3f}x"],
        ]
    return table(["at 64 connections", "CPU us per request", "ratio"], rows) if rows else ""


def render(
    command: str,
    machine: Mapping[str, str],
    samples: Sequence[Sample],
    start_ups: Sequence[StartUp],
    *,
    edge: EdgeCost | None = None,
    overhead: MetricsOverhead | None = None,
    rounds: int,
    seconds: int,
) -> str:
    """The whole document."""
    summaries = summarize(samples)
    sections = [
        f"`{command}` on this machine:",
        "\n".join(f"- {label}: {text}" for label, text in machine.items()),
    ]
    if samples:
        sections.append(METHOD.format(seconds=seconds, rounds=rounds))
    sections.append(goals_table(Measured(summaries, edge, overhead, typical(start_ups) if start_ups else None)))
    for comparison in COMPARISONS:
        if any(name in comparison.targets for name, _ in summaries):
            sections += [f"## {comparison.title}", comparison_table(comparison, summaries)]
    if by_part := parts_table(edge, overhead):
        sections += ["## Parts", PARTS, by_part]
    if start_ups:
        sections += ["## Start-up, idle CPU and memory", START_UP, start_up_tables(start_ups)]
    return "\n\n".join(part for part in sections if part) + "\n"

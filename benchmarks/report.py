"""Medians, ratios, goals and their Markdown. Pure: samples in, text out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.edge import MANY, EdgeCost
from benchmarks.goals import Measured, goals_table
from benchmarks.markdown import table
from benchmarks.race import Sample
from benchmarks.recording import RecordingCost
from benchmarks.startup import StartUp
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
wrk, or h2load for gRPC, with one thread, on the same machine as the server, {seconds} s a load. Medians of {rounds}
rounds in which the servers take turns, each running alone; slowest and fastest are rounds. Ratio is to the last server
of each load. Replica, proxy and other are CPU microseconds a request: of the process that runs the model, of HAProxy or
Ray Serve's Python proxy, and of all the rest. MB is the memory (PSS) of all the server's processes. No request failed:
one error ends a run. Of gRPC's calls 64 are in flight, on so many connections: clients share one among many calls.
Ray Serve runs with `max_ongoing_requests=100`; with its default of 5 it is many times slower at 64."""

PARTS = """\
Ratios are medians of turns side by side. HAProxy stands before one small server, to which the backends of all models lead.
The parts of a replica run in one process, without sockets; metrics include what the pushing thread does with them."""

LOAD = ("connections", "server", "requests/s", "slowest", "fastest", "ratio", "p50 ms", "p99 ms")
COST = ("replica", "proxy", "other", "MB")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Targets that do the same work; the first is ours, the last is what the others are compared to."""

    title: str
    targets: tuple[str, ...]

    @property
    def baseline(self) -> str:
        return self.targets[-1]


COMPARISONS = (
    Comparison("The iris model as ONNX, one row a request", ("modelyard", "uvicorn", "ray-serve")),
    Comparison("The same over gRPC", ("modelyard-grpc", "grpc-aio")),
    Comparison("A tensor of 1 MiB, FP32", ("tensor-binary", "tensor-json")),
    Comparison(
        "The iris pipeline of scikit-learn, one row a request", ("sklearn", "sklearn-unbatched", "sklearn-own-predict")
    ),
)


def comparison_table(comparison: Comparison, summaries: Summaries) -> str:
    """Every load and target of the comparison that was measured; ratios where the baseline was."""
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


def parts_table(edge: EdgeCost | None, recording: RecordingCost | None) -> str:
    """What was measured without a whole server; "" where nothing was."""
    rows = []
    if edge:
        rows += [
            ["HAProxy with our frontends, 1 model", f"{median(edge.one_us):.1f}", ""],
            [f"the same with {MANY} models", f"{median(edge.many_us):.1f}", f"{edge.ratio:.3f}x"],
        ]
    if recording:
        rows += [
            ["fast path, codec, model server and model, nothing recorded", f"{median(recording.without_us):.1f}", ""],
            ["the same with metrics", f"{median(recording.with_us):.1f}", f"{recording.ratio:.3f}x"],
        ]
    return table(["at 64 connections", "CPU us a request", "ratio"], rows) if rows else ""


def render(
    command: str,
    machine: Mapping[str, str],
    samples: Sequence[Sample],
    start_up: StartUp | None,
    *,
    edge: EdgeCost | None = None,
    recording: RecordingCost | None = None,
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
        parts.append(METHOD.format(seconds=seconds, rounds=rounds))
    parts.append(goals_table(Measured(summaries, edge, recording)))
    for comparison in COMPARISONS:
        if any(name in comparison.targets for name, _ in summaries):
            parts += [f"## {comparison.title}", comparison_table(comparison, summaries)]
    if by_part := parts_table(edge, recording):
        parts += ["## Parts by themselves", PARTS, by_part]
    if start_up:
        parts += ["## Start-up and memory", start_up_tables(start_up)]
    return "\n\n".join(part for part in parts if part) + "\n"

"""*Model*: one model in detail."""

from itertools import chain

from grafana_foundation_sdk.builders.dashboard import Dashboard

from monitoring.grafana.panels import (
    CODE_COLOURS,
    FAILED_STEPS,
    TARGET_LINE,
    Panels,
    heat,
    lines,
    names_of,
    new_dashboard,
    single,
)
from monitoring.grafana.queries import (
    BATCH,
    COMPUTE,
    DURATION,
    QUEUE,
    REQUESTS,
    busy_share,
    failed_share,
    mean,
    percentile,
    rate,
    scoped,
)

UID = "modelyard-model"
THIS = 'model="$model"'
NOT_OK = f'{THIS},code!="ok"'


def model() -> Dashboard:
    """One model in detail."""
    rows = {"": chain(_stats(), _durations(), _outcomes(), _load()), "Versions": _versions()}
    board = new_dashboard(UID, "modelyard / Model", "One model in detail.", rows)
    return board.with_variable(names_of("model", "Model", f"label_values({scoped('model_info')}, model)"))


def _stats() -> Panels:
    yield single(
        "Requests",
        "reqps",
        rate(REQUESTS, where=THIS),
        "inference_requests_total: request rate, all outcomes. Informational: no traffic can be normal.",
        words={0: ("no traffic", "text")},
    )
    yield single(
        "Failed",
        "percentunit",
        failed_share(where=THIS, window="5m"),
        "inference_requests_total: share of valid requests with code overloaded, timeout or error, over 5 minutes. "
        "See Requests by outcome.",
        steps=FAILED_STEPS,
        decimals=2,
    )
    yield single(
        "p99",
        "s",
        f"model:{DURATION}:p99_5m{{{THIS}}}",
        "model:inference_request_duration_seconds:p99_5m. If it is above its target for ten minutes, a ticket is "
        "opened. See Queue and model time.",
        steps=((0.25, "orange"), (1, "red")),
    )
    yield single(
        "Error budget burn",
        "suffix:x",
        f"model:error_budget_burn:1h{{{THIS}}}",
        "model:error_budget_burn:1h: rate at which the last hour used the error budget; 1 is exactly the allowed "
        "rate, above 14.4 an alert pages.",
        steps=((1, "orange"), (14.4, "red")),
        decimals=1,
    )
    yield single(
        "Busy",
        "percentunit",
        busy_share(where=THIS, window="5m"),
        "inference_compute_duration_seconds: share of time in which the replicas compute. Near 100 % requests wait: "
        "allow more replicas (Capacity).",
        steps=((0.7, "orange"), (0.9, "red")),
        decimals=0,
    )
    yield single(
        "Replicas",
        "none",
        f'sum(model_replicas{{{THIS},state="running"}})',
        "model_replicas: number of running replicas. Capacity shows the target and the maximum.",
        words={0: ("scaled to zero", "text")},
        empty="none",
    )


def _durations() -> Panels:
    yield lines(
        "Request duration",
        "s",
        {
            "p99.9": percentile(0.999, DURATION, where=THIS),
            "p99": percentile(0.99, DURATION, where=THIS),
            "p90": percentile(0.9, DURATION, where=THIS),
            "p50": percentile(0.5, DURATION, where=THIS),
            "p99 target": f"model:{DURATION}:target{{{THIS}}}",
        },
        "inference_request_duration_seconds: time in the replica from the complete request to the response, accepted "
        "requests only; a gap means no traffic. If only the high percentiles rise, see the heatmap: a second band is "
        "another kind of request.",
        axis="log",
        colours={"p99.9": "purple", "p99": "blue", "p90": "light-blue", "p50": "green", "p99 target": "#808080"},
        span=12,
    )
    yield heat(
        "Request durations",
        "s",
        f"sum by (le) (rate({DURATION}_bucket{{{THIS}}}[$__rate_interval]))",
        "inference_request_duration_seconds: request rate in each bucket, shown as colour. Two bands are two kinds "
        "of request, or cold and warm replicas.",
    )


def _outcomes() -> Panels:
    yield lines(
        "Requests by outcome",
        "reqps",
        {"{{code}}": rate(REQUESTS, "code", THIS)},
        "inference_requests_total by code. error: see the exceptions in `modelyard logs`. timeout: see Queue and "
        "model time. overloaded: the queue is full. invalid: client errors, which do not page.",
        stacked=True,
        colours=CODE_COLOURS,
    )
    yield lines(
        "Failed by outcome",
        "percentunit",
        {"{{code}}": f"{rate(REQUESTS, 'code', NOT_OK)} / on () group_left () ({rate(REQUESTS, where=THIS)} > 0)"},
        "inference_requests_total: share of all requests by code, without ok. The dashed line is the paging threshold.",
        colours=CODE_COLOURS,
        targets=((0.0144, TARGET_LINE),),
    )
    yield lines(
        "Requests by protocol",
        "reqps",
        {"{{protocol}}": rate(REQUESTS, "protocol", THIS)},
        "inference_requests_total by protocol. If a single protocol stops, the cause is a client or a proxy in front "
        "of modelyard.",
        stacked=True,
    )


def _load() -> Panels:
    yield lines(
        "Queue and model time",
        "s",
        {
            "queue, p99": percentile(0.99, QUEUE, where=THIS),
            "queue, mean": mean(QUEUE, where=THIS),
            "model, p99": percentile(0.99, COMPUTE, where=THIS),
            "model, mean": mean(COMPUTE, where=THIS),
        },
        "inference_queue_duration_seconds and inference_compute_duration_seconds. A slow queue needs more replicas or "
        "larger batches. A slow model: check for a new version, larger requests, or a busy machine.",
        axis="log",
        colours={
            "queue, p99": "orange",
            "queue, mean": "light-orange",
            "model, p99": "blue",
            "model, mean": "light-blue",
        },
    )
    yield lines(
        "Queued and in flight",
        "none",
        {
            "in flight": f"sum(inference_requests_in_flight{{{THIS}}})",
            "queued": f"sum(inference_queue_depth{{{THIS}}})",
        },
        "inference_requests_in_flight and inference_queue_depth. Queue full on Capacity shows how close the queue is "
        "to its limit. If it is close, allow more replicas or a longer queue.",
        colours={"in flight": "blue", "queued": "orange"},
    )
    yield lines(
        "Batch size",
        "none",
        {
            "p99": percentile(0.99, BATCH, where=THIS),
            "mean": mean(BATCH, where=THIS),
        },
        "inference_batch_size: rows per batch. If it is at its limit (batching.max_size) and requests wait, raise the "
        "limit.",
        colours={"p99": "purple", "mean": "green"},
    )


def _versions() -> Panels:
    yield lines(
        "Requests by version",
        "reqps",
        {"version {{version}}": rate(REQUESTS, "version", THIS)},
        "inference_requests_total by version. During an update, traffic moves to the new version when it is ready.",
        stacked=True,
    )
    yield lines(
        "p99 by version",
        "s",
        {"version {{version}}": percentile(0.99, DURATION, "version", THIS)},
        "inference_request_duration_seconds by version. If the new version is slower, roll back: `modelyard rollback "
        "NAME`.",
        axis="log",
    )
    yield lines(
        "Failed by version",
        "percentunit",
        {"version {{version}}": failed_share("version", THIS)},
        "inference_requests_total: share of valid requests that failed, by version. If the new version fails more, "
        "roll back: `modelyard rollback NAME`.",
    )

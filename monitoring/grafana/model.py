"""*Model*: why one model hurts."""

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
    rows = {"": chain(_stats(), _durations(), _outcomes(), _load()), "Versions side by side": _versions()}
    board = new_dashboard(UID, "modelyard / Model", "One model: why it hurts.", rows)
    return board.with_variable(names_of("model", "Model", f"label_values({scoped('model_info')}, model)"))


def _stats() -> Panels:
    yield single(
        "Requests",
        "reqps",
        rate(REQUESTS, where=THIS),
        "inference_requests_total: requests a second, however they ended. None expected? Then nothing to do.",
        words={0: ("no traffic", "text")},
    )
    yield single(
        "Failed",
        "percentunit",
        failed_share(where=THIS, window="5m"),
        "inference_requests_total: overloaded, timed out or in error, of all but the invalid ones, over 5 minutes. See Requests "
        "by outcome.",
        steps=FAILED_STEPS,
        decimals=2,
    )
    yield single(
        "p99",
        "s",
        f"model:{DURATION}:p99_5m{{{THIS}}}",
        "model:inference_request_duration_seconds:p99_5m. Over its target for ten minutes it opens a ticket. See Where the "
        "time goes.",
        steps=((0.25, "orange"), (1, "red")),
    )
    yield single(
        "Error budget burn",
        "suffix:x",
        f"model:error_budget_burn:1h{{{THIS}}}",
        "model:error_budget_burn:1h: how many times faster than allowed the hour's failures use up the budget. 14.4 pages.",
        steps=((1, "orange"), (14.4, "red")),
        decimals=1,
    )
    yield single(
        "Busy",
        "percentunit",
        busy_share(where=THIS, window="5m"),
        "inference_compute_duration_seconds: the share of its replicas' time in which the model computes. Near 100 % requests "
        "wait; allow more replicas (Capacity).",
        steps=((0.7, "orange"), (0.9, "red")),
        decimals=0,
    )
    yield single(
        "Replicas",
        "none",
        f'sum(model_replicas{{{THIS},state="running"}})',
        "model_replicas: how many run now. How many are wanted and allowed is on Capacity.",
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
            "target of p99": f"model:{DURATION}:target{{{THIS}}}",
        },
        "inference_request_duration_seconds: in the replica, from the whole request to its answer, of requests that were taken "
        "on; a gap is no traffic. If only the tail rises, look at the heatmap: a second band is another kind of request.",
        axis="log",
        colours={"p99.9": "purple", "p99": "blue", "p90": "light-blue", "p50": "green", "target of p99": "#808080"},
        span=12,
    )
    yield heat(
        "Request durations",
        "s",
        f"sum by (le) (rate({DURATION}_bucket{{{THIS}}}[$__rate_interval]))",
        "inference_request_duration_seconds: requests a second in each bucket; darker is more. Two bands are two kinds of "
        "request, or a cold and a warm path.",
    )


def _outcomes() -> Panels:
    yield lines(
        "Requests by outcome",
        "reqps",
        {"{{code}}": rate(REQUESTS, "code", THIS)},
        "inference_requests_total by code. error: `modelyard logs` has the exceptions. timeout: see Where the time goes. "
        "overloaded: the queue is full. invalid is the client's, and pages nobody.",
        stacked=True,
        colours=CODE_COLOURS,
    )
    yield lines(
        "Failed by outcome",
        "percentunit",
        {"{{code}}": f"{rate(REQUESTS, 'code', NOT_OK)} / on () group_left () ({rate(REQUESTS, where=THIS)} > 0)"},
        "inference_requests_total: the share of all requests that ended in each way but ok. The dashed line is what pages.",
        colours=CODE_COLOURS,
        targets=((0.0144, TARGET_LINE),),
    )
    yield lines(
        "Requests by protocol",
        "reqps",
        {"{{protocol}}": rate(REQUESTS, "protocol", THIS)},
        "inference_requests_total by protocol. One that stops alone is a client's trouble, or its gateway's.",
        stacked=True,
    )


def _load() -> Panels:
    yield lines(
        "Where the time goes",
        "s",
        {
            "in the queue, p99": percentile(0.99, QUEUE, where=THIS),
            "in the queue, mean": mean(QUEUE, where=THIS),
            "in the model, p99": percentile(0.99, COMPUTE, where=THIS),
            "in the model, mean": mean(COMPUTE, where=THIS),
        },
        "inference_queue_duration_seconds against inference_compute_duration_seconds. The queue: more replicas or larger "
        "batches. The model: a new version, larger requests, or a busy machine.",
        axis="log",
        colours={
            "in the queue, p99": "orange",
            "in the queue, mean": "light-orange",
            "in the model, p99": "blue",
            "in the model, mean": "light-blue",
        },
    )
    yield lines(
        "Waiting and in flight",
        "none",
        {
            "in flight": f"sum(inference_requests_in_flight{{{THIS}}})",
            "waiting": f"sum(inference_queue_depth{{{THIS}}})",
        },
        "inference_requests_in_flight and inference_queue_depth. How near waiting is to where requests are refused is Queue full "
        "on Capacity; allow more replicas or a longer queue.",
        colours={"in flight": "blue", "waiting": "orange"},
    )
    yield lines(
        "Rows a batch",
        "none",
        {
            "p99": percentile(0.99, BATCH, where=THIS),
            "mean": mean(BATCH, where=THIS),
        },
        "inference_batch_size: rows in a call of the model. At its limit (batching.max_size) with a queue, raise the limit.",
        colours={"p99": "purple", "mean": "green"},
    )


def _versions() -> Panels:
    yield lines(
        "Requests by version",
        "reqps",
        {"version {{version}}": rate(REQUESTS, "version", THIS)},
        "inference_requests_total by version. During an update the new one takes over once it is ready.",
        stacked=True,
    )
    yield lines(
        "p99 by version",
        "s",
        {"version {{version}}": percentile(0.99, DURATION, "version", THIS)},
        "inference_request_duration_seconds by version. If the new one is slower, go back: `versions: [old]` in the model's YAML.",
        axis="log",
    )
    yield lines(
        "Failed by version",
        "percentunit",
        {"version {{version}}": failed_share("version", THIS)},
        "inference_requests_total by version: failed, of all but the invalid ones. If the new one fails more, go back: "
        "`versions: [old]` in the model's YAML.",
    )

"""*Fleet*: which model hurts, and since when."""

from itertools import chain

from grafana_foundation_sdk.builders.dashboard import Dashboard

from monitoring.grafana.panels import FAILED_STEPS, TARGET_LINE, Column, Panels, lines, new_dashboard, rows, single
from monitoring.grafana.queries import DURATION, REQUESTS, busy_share, failed_share, percentile, queue_share, rate

UID = "modelyard-fleet"
VERSIONS = "model, version"
DURATION_P99 = f"model:{DURATION}:p99_5m"
SERVED = f"group by ({VERSIONS}) (model_info)"


def fleet() -> Dashboard:
    """All models at a glance."""
    panels = chain(_alerts(), _stats(), _table(), _by_model())
    return new_dashboard(UID, "modelyard / Fleet", "Every model: which one hurts, and since when.", {"": panels})


def _alerts() -> Panels:
    firing = 'ALERTS{alertstate="firing"}'
    since = f"max by (alertname, severity, model) (time() - (ALERTS_FOR_STATE and ignoring (alertstate) {firing}))"
    yield rows(
        "Alerts that fire",
        ("alertname", "model", "severity"),
        (Column("For", "s", since, decimals=0),),
        "ALERTS that fire now, with ALERTS_FOR_STATE, since when their conditions hold. A page wakes somebody, a ticket waits. "
        "Each has its section in the runbook.",
        link="/d/modelyard-model",
        worst="Severity",  # a page comes before a ticket
        worst_is_least=True,
        empty="none",
        height=8,
    )


def _stats() -> Panels:
    yield single(
        "Models not ready",
        "none",
        "count(max by (model) (model_ready) == 0) or vector(0)",
        "model_ready: models of which no version can answer. `modelyard status` says why.",
        steps=((1, "red"),),
        words={0: ("none", "green")},
    )
    yield single(
        "Failed",
        "percentunit",
        failed_share(window="5m"),
        "inference_requests_total: overloaded, timed out or in error, of all but the invalid ones, over 5 minutes. "
        "Orange is over the objective, red is what pages. The table says which model.",
        steps=FAILED_STEPS,
        decimals=2,
    )
    yield single(
        "Slowest p99",
        "s",
        f"max({DURATION_P99})",
        "model:inference_request_duration_seconds:p99_5m: the slowest model's. The table says which.",
        steps=((0.25, "orange"), (1, "red")),
    )
    yield single(
        "Waiting",
        "none",
        "sum(inference_queue_depth)",
        "inference_queue_depth: requests that wait for a call of their model, everywhere. If it grows, see Capacity.",
        steps=((50, "orange"), (200, "red")),
        words={0: ("none", "green")},
        decimals=0,
    )
    yield single(
        "Replicas that died",
        "none",
        "round(sum(increase(model_replica_deaths_total[1h])))",
        "model_replica_deaths_total: in the last hour, whatever the reason. `modelyard status` says which ones, and why; Capacity "
        "shows when.",
        steps=((1, "orange"), (3, "red")),
        words={0: ("none", "green")},
        empty="unknown",
    )
    yield single(
        "Requests",
        "reqps",
        rate(REQUESTS),
        "inference_requests_total: requests a second, of all models and however they ended. Nothing to do but to know it.",
        words={0: ("no traffic", "text")},
    )


def _table() -> Panels:
    def now(expr: str) -> str:  # counters of versions that have gone stay for as long as the hub does
        return f"({expr}) and on ({VERSIONS}) {SERVED}"

    running = f'sum by (model) (model_replicas{{state="running"}}) * on (model) group_right () {SERVED}'
    columns = (
        Column("Replicas", "none", running, decimals=0),
        Column("Requests/s", "reqps", now(rate(REQUESTS, VERSIONS, window="5m")), zero="no traffic"),
        Column("p99", "s", now(percentile(0.99, DURATION, VERSIONS, window="5m")), ((0.25, "orange"), (1, "red"))),
        Column("Failed", "percentunit", now(failed_share(VERSIONS, window="5m")), FAILED_STEPS, decimals=2),
        Column("Waiting", "none", now(f"sum by ({VERSIONS}) (inference_queue_depth)"), decimals=0),
        Column("Queue full", "percentunit", now(queue_share(VERSIONS)), gauge=True),
        Column("Busy", "percentunit", now(busy_share(VERSIONS, window="5m")), gauge=True),
    )
    yield rows(
        "Models",
        ("model", "version"),
        columns,
        "model_info, with what each version did in the last 5 minutes. Waiting and Queue full: inference_queue_depth, as such "
        "and of inference_capacity, at which requests are refused. Busy: inference_compute_duration_seconds, the share of its "
        "replicas' time. Click a model for its own dashboard.",
        link="/d/modelyard-model",
        worst="Failed",
        height=10,
    )


def _by_model() -> Panels:
    yield lines(
        "Requests by model",
        "reqps",
        {"{{model}}": rate(REQUESTS, "model")},
        "inference_requests_total. A sudden fall with no errors is upstream: look at the edge (Server).",
        stacked=True,
        height=9,
    )
    yield lines(
        "p99 by model",
        "s",
        {"{{model}}": DURATION_P99},
        "model:inference_request_duration_seconds:p99_5m, over 5 minutes; a gap is no traffic. The dashed line is the usual "
        "target. One model alone: open it. All at once: look at the machine (Server).",
        axis="log",
        targets=((0.25, TARGET_LINE),),
        height=9,
    )
    yield lines(
        "Error budget burn by model",
        "suffix:x",
        {"{{model}}": "model:error_budget_burn:1h"},
        "model:error_budget_burn:1h: how many times faster than allowed the hour's failures use up the error budget. Over 14.4 "
        "pages. Open the model and look at its outcomes.",
        targets=((14.4, TARGET_LINE),),
        height=9,
    )

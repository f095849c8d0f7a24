"""*Fleet*: all models and the firing alerts."""

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
    return new_dashboard(UID, "modelyard / Fleet", "All models and the firing alerts.", {"": panels})


def _alerts() -> Panels:
    firing = 'ALERTS{alertstate="firing"}'
    since = f"max by (alertname, severity, model) (time() - (ALERTS_FOR_STATE and ignoring (alertstate) {firing}))"
    yield rows(
        "Firing alerts",
        ("alertname", "model", "severity"),
        (Column("For", "s", since, decimals=0),),
        "ALERTS that fire now, and ALERTS_FOR_STATE: how long their conditions have been true. A page needs action "
        "now; a ticket can wait. The runbook has a section for each.",
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
        "model_ready: models without a version that can answer. `modelyard status` shows the reason.",
        steps=((1, "red"),),
        words={0: ("none", "green")},
    )
    yield single(
        "Failed",
        "percentunit",
        failed_share(window="5m"),
        "inference_requests_total: share of valid requests with code overloaded, timeout or error, over 5 minutes. "
        "Orange: above the objective. Red: above the paging threshold. See the table for the model.",
        steps=FAILED_STEPS,
        decimals=2,
    )
    yield single(
        "Slowest p99",
        "s",
        f"max({DURATION_P99})",
        "model:inference_request_duration_seconds:p99_5m of the slowest model. See the table for the model.",
        steps=((0.25, "orange"), (1, "red")),
    )
    yield single(
        "Waiting",
        "none",
        "sum(inference_queue_depth)",
        "inference_queue_depth: queued requests of all models. If the number grows, see Capacity.",
        steps=((50, "orange"), (200, "red")),
        words={0: ("none", "green")},
        decimals=0,
    )
    yield single(
        "Replica deaths",
        "none",
        "round(sum(increase(model_replica_deaths_total[1h])))",
        "model_replica_deaths_total: all reasons, in the last hour. `modelyard status` shows which replicas died and "
        "why; Capacity shows when.",
        steps=((1, "orange"), (3, "red")),
        words={0: ("none", "green")},
        empty="unknown",
    )
    yield single(
        "Requests",
        "reqps",
        rate(REQUESTS),
        "inference_requests_total: request rate of all models, all outcomes. Informational.",
        words={0: ("no traffic", "text")},
    )


def _table() -> Panels:
    def now(expr: str) -> str:  # the hub still exports counters of removed versions
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
        "model_info, and each version over the last 5 minutes. Waiting: inference_queue_depth. Queue full: its share "
        "of inference_capacity; at 100 % requests are rejected. Busy: share of time in which the replicas compute "
        "(inference_compute_duration_seconds). Click a model to open its dashboard.",
        link="/d/modelyard-model",
        worst="Failed",
        height=10,
    )


def _by_model() -> Panels:
    yield lines(
        "Requests by model",
        "reqps",
        {"{{model}}": rate(REQUESTS, "model")},
        "inference_requests_total. A sudden drop without errors has its cause upstream: see the edge on Server.",
        stacked=True,
        height=9,
    )
    yield lines(
        "p99 by model",
        "s",
        {"{{model}}": DURATION_P99},
        "model:inference_request_duration_seconds:p99_5m, over 5 minutes; a gap means no traffic. The dashed line is "
        "the default target. If one model is slow, open its dashboard. If all are slow, see the machine on Server.",
        axis="log",
        targets=((0.25, TARGET_LINE),),
        height=9,
    )
    yield lines(
        "Error budget burn by model",
        "suffix:x",
        {"{{model}}": "model:error_budget_burn:1h"},
        "model:error_budget_burn:1h: rate at which the last hour used the error budget; 1 is exactly the allowed "
        "rate, above 14.4 an alert pages. Open the model and see its outcomes.",
        targets=((14.4, TARGET_LINE),),
        height=9,
    )

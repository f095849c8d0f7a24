"""*Capacity*: is there room, and where does it go."""

from itertools import chain

from grafana_foundation_sdk.builders.dashboard import Dashboard

from monitoring.grafana.panels import TARGET_LINE, Column, Panels, lines, new_dashboard, rows
from monitoring.grafana.queries import LOAD, REQUESTS, WINDOW, busy_share, percentile, queue_share, rate

UID = "modelyard-capacity"
RUNNING = 'sum by (model) (model_replicas{state="running"})'


def capacity() -> Dashboard:
    """Replicas, saturation, starts, memory."""
    panels = chain(_table(), _replicas(), _saturation(), _starts())
    return new_dashboard(UID, "modelyard / Capacity", "Is there room, and where does it go?", {"": panels}, hours=6)


def _table() -> Panels:
    columns = (
        Column("Running", "none", RUNNING, decimals=0),
        Column("Starting", "none", 'sum by (model) (model_replicas{state="starting"})', decimals=0),
        Column("Stopping", "none", 'sum by (model) (model_replicas{state="stopping"})', decimals=0),
        Column("Wanted", "none", "sum by (model) (model_replicas_target)", decimals=0),
        Column("Allowed", "none", "sum by (model) (model_replicas_max)", decimals=0),
        Column("Busy", "percentunit", busy_share(window="5m"), gauge=True),
        Column("Queue full", "percentunit", queue_share(), gauge=True),
        Column("Requests/s", "reqps", rate(REQUESTS, "model", window="5m"), zero="no traffic"),
        Column("Memory", "bytes", "sum by (model) (model_memory_bytes)"),
    )
    yield rows(
        "Replicas",
        ("model",),
        columns,
        "model_replicas by state, model_replicas_target (wanted), model_replicas_max (allowed). Wanted over running for long: no "
        "room, or it cannot start (`modelyard status`). Wanted at allowed and busy: raise replicas.max.",
        link="/d/modelyard-model",
        worst="Busy",
    )


def _replicas() -> Panels:
    yield lines(
        "Replicas running",
        "none",
        {"{{model}}": RUNNING},
        "model_replicas in state running. A saw-tooth means that the autoscaler cannot make up its mind: raise "
        "replicas.target_in_flight.",
        stacked=True,
    )
    yield lines(
        "Replicas wanted but not running",
        "none",
        {"{{model}}": f"clamp_min(sum by (model) (model_replicas_target) - {RUNNING}, 0)"},
        "model_replicas_target less model_replicas. More than a start takes: no room on the machine, or it dies at once.",
    )
    yield lines(
        "Replicas still allowed",
        "none",
        {"{{model}}": f"sum by (model) (model_replicas_max) - {RUNNING}"},
        "model_replicas_max less model_replicas. At 0 a model can grow no more; with a queue that opens a ticket.",
    )


def _saturation() -> Panels:
    yield lines(
        "Busy",
        "percentunit",
        {"{{model}}": busy_share()},
        "inference_compute_duration_seconds: the share of its replicas' time in which a model computes. Over 80 % requests begin "
        "to wait; more replicas, or larger batches.",
        targets=((0.8, TARGET_LINE),),
        span=12,
    )
    yield lines(
        "Queue full",
        "percentunit",
        {"{{model}}": queue_share()},
        "inference_queue_depth of inference_capacity. At 100 % requests are refused (429): allow more replicas or a longer queue.",
        targets=((0.8, TARGET_LINE),),
        span=12,
    )


def _starts() -> Panels:
    yield lines(
        "Starts of replicas",
        "none",
        {
            "{{model}}: {{reason}}": f"round(sum by (model, reason) (increase(model_replica_starts_total[{WINDOW}]))) > 0"
        },
        "model_replica_starts_total by reason. cold: a request woke a model from zero; if often, keep one (replicas.min: 1). "
        "replace: one died; `modelyard logs` has its last words.",
        bars=True,
        stacked=True,
        empty="no starts",
        span=12,
    )
    yield lines(
        "Deaths of replicas",
        "none",
        {
            "{{model}}: {{reason}}": f"round(sum by (model, reason) (increase(model_replica_deaths_total[{WINDOW}]))) > 0"
        },
        "model_replica_deaths_total by reason. exit and signal: the model's code; `modelyard logs NAME --previous` has its end. "
        "out_of_memory: a smaller model or batch, or more memory. watchdog, health_check: a call hung.",
        bars=True,
        stacked=True,
        empty="no deaths",
        span=12,
    )
    yield lines(
        "Load time, p90 of the last hour",
        "s",
        {"{{model}}": percentile(0.9, LOAD, "model", window="1h")},
        "model_load_duration_seconds: reading, checking, loading and warming, once a replica. It is what a cold start costs its "
        "first caller; a smaller artefact or replicas.min: 1 spares it.",
        empty="no loads",
        span=12,
    )
    yield lines(
        "Memory",
        "bytes",
        {"{{model}}": "sum by (model) (model_memory_bytes)"},
        "model_memory_bytes: resident, of all of a model's replicas. A slope that never ends is a leak: set resources.memory, "
        "which turns an outage into errors of that model.",
        stacked=True,
        span=12,
    )

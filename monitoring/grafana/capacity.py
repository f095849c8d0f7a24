"""*Capacity*: replicas, load, starts and memory of each model, and pools."""

from itertools import chain

from grafana_foundation_sdk.builders.dashboard import Dashboard

from monitoring.grafana.panels import TARGET_LINE, Column, Panels, lines, new_dashboard, rows
from monitoring.grafana.queries import LOAD, REQUESTS, WINDOW, busy_share, percentile, queue_share, rate

UID = "modelyard-capacity"
RUNNING = 'sum by (model) (model_replicas{state="running"})'


def capacity() -> Dashboard:
    """Replicas, saturation, starts, memory; and pools."""
    panels = chain(_table(), _replicas(), _saturation(), _starts())
    return new_dashboard(
        UID,
        "modelyard / Capacity",
        "Replicas, load, starts and memory of each model, and pools.",
        {"": panels, "Pools": _pools()},
        hours=6,
    )


def _table() -> Panels:
    columns = (
        Column("Running", "none", RUNNING, decimals=0),
        Column("Starting", "none", 'sum by (model) (model_replicas{state="starting"})', decimals=0),
        Column("Stopping", "none", 'sum by (model) (model_replicas{state="stopping"})', decimals=0),
        Column("Target", "none", "sum by (model) (model_replicas_target)", decimals=0),
        Column("Maximum", "none", "sum by (model) (model_replicas_max)", decimals=0),
        Column("Busy", "percentunit", busy_share(window="5m"), gauge=True),
        Column("Queue full", "percentunit", queue_share(), gauge=True),
        Column("Requests/s", "reqps", rate(REQUESTS, "model", window="5m"), zero="no traffic"),
        Column("Memory", "bytes", "sum by (model) (model_memory_bytes)"),
    )
    yield rows(
        "Replicas",
        ("model",),
        columns,
        "model_replicas by state, model_replicas_target and model_replicas_max. Target above running for long: "
        "insufficient resources, or the model cannot start (`modelyard status`). Target at the maximum and busy: "
        "raise replicas.max.",
        link="/d/modelyard-model",
        worst="Busy",
    )


def _replicas() -> Panels:
    yield lines(
        "Replicas running",
        "none",
        {"{{model}}": RUNNING},
        "model_replicas in state running. A saw-tooth means that the autoscaler is oscillating: raise "
        "replicas.target_in_flight.",
        stacked=True,
    )
    yield lines(
        "Missing replicas",
        "none",
        {"{{model}}": f"clamp_min(sum by (model) (model_replicas_target) - {RUNNING}, 0)"},
        "model_replicas_target minus model_replicas. If it lasts longer than a start, resources are insufficient or "
        "the replica dies at once.",
    )
    yield lines(
        "Replicas below the maximum",
        "none",
        {"{{model}}": f"sum by (model) (model_replicas_max) - {RUNNING}"},
        "model_replicas_max minus model_replicas. At 0 the model cannot scale up; together with a queue, a ticket is "
        "opened.",
    )


def _saturation() -> Panels:
    yield lines(
        "Busy",
        "percentunit",
        {"{{model}}": busy_share()},
        "inference_compute_duration_seconds: share of time in which the replicas compute. Above 80 % requests start "
        "to wait: use more replicas or larger batches.",
        targets=((0.8, TARGET_LINE),),
        span=12,
    )
    yield lines(
        "Queue full",
        "percentunit",
        {"{{model}}": queue_share()},
        "inference_queue_depth divided by inference_capacity. At 100 % requests are rejected (429): allow more "
        "replicas or a longer queue.",
        targets=((0.8, TARGET_LINE),),
        span=12,
    )


def _starts() -> Panels:
    yield lines(
        "Replica starts",
        "none",
        {
            "{{model}}: {{reason}}": f"round(sum by (model, reason) (increase(model_replica_starts_total[{WINDOW}]))) > 0"
        },
        "model_replica_starts_total by reason. cold: a request woke a model that was scaled to zero; if that is "
        "frequent, set replicas.min: 1. replace: a replica died; see `modelyard logs NAME --previous`.",
        bars=True,
        stacked=True,
        empty="no starts",
        span=12,
    )
    yield lines(
        "Replica deaths",
        "none",
        {
            "{{model}}: {{reason}}": f"round(sum by (model, reason) (increase(model_replica_deaths_total[{WINDOW}]))) > 0"
        },
        "model_replica_deaths_total by reason. exit, signal: the model's code; see `modelyard logs NAME --previous`. "
        "out_of_memory: use a smaller model or batch, or more memory. watchdog, health_check: a call hung.",
        bars=True,
        stacked=True,
        empty="no deaths",
        span=12,
    )
    yield lines(
        "Load time, p90 of the last hour",
        "s",
        {"{{model}}": percentile(0.9, LOAD, "model", window="1h")},
        "model_load_duration_seconds: time to read, verify, load and warm up, once per replica. After a cold start "
        "the first request waits for it; to avoid that, use a smaller artefact or replicas.min: 1.",
        empty="no loads",
        span=12,
    )
    yield lines(
        "Memory",
        "bytes",
        {"{{model}}": "sum by (model) (model_memory_bytes)"},
        "model_memory_bytes: resident memory of all replicas of a model. Steady growth is a leak: set "
        "resources.memory, which limits the effect to that model.",
        stacked=True,
        span=12,
    )


def _pools() -> Panels:
    no_pools = "no pools"
    columns = (
        Column("Models", "none", "sum by (pool) (pool_models)", decimals=0),
        Column("Resident", "none", 'sum by (pool) (pool_models{residency="resident"})', decimals=0),
        Column("Cold", "none", 'sum by (pool) (pool_models{residency="cold"})', decimals=0),
        Column("Failed", "none", 'sum by (pool) (pool_models{residency="failed"})', decimals=0),
        Column("Memory", "bytes", "sum by (pool) (pool_resident_bytes)"),
        Column("Budget", "bytes", "sum by (pool) (pool_memory_budget_bytes)"),
        Column("Loads/s", "ops", rate("pool_loads_total", "pool", window="5m")),
        Column("Evictions/s", "ops", rate("pool_evictions_total", "pool", window="5m")),
        Column("Rejected/s", "reqps", rate("pool_requests_rejected_total", "pool", window="5m")),
    )
    yield rows(
        "Pools",
        ("pool",),
        columns,
        "pool_models by residency, summed over the replicas of a pool. Memory near the budget is normal. Loads and "
        "evictions all the time: raise memory of the pool. Failed: see `modelyard status --state UNAVAILABLE`.",
        link="/d/modelyard-model",
        worst="Rejected/s",
        empty=no_pools,
    )
    yield lines(
        "Pool memory of its budget",
        "percentunit",
        {
            "{{pool}}": "sum by (pool) (pool_resident_bytes) / (sum by (pool) (pool_memory_budget_bytes) > 0)",
        },
        "pool_resident_bytes divided by pool_memory_budget_bytes. At 100 % a load evicts the models that are least "
        "wanted; with many loads, raise memory of the pool.",
        empty=no_pools,
    )
    yield lines(
        "Loads and evictions",
        "ops",
        {
            "{{pool}}: loads": rate("pool_loads_total", "pool"),
            "{{pool}}: evictions": rate("pool_evictions_total", "pool"),
        },
        "pool_loads_total and pool_evictions_total. Both high for long: the models in use do not fit into the budget.",
        empty=no_pools,
    )
    yield lines(
        "Requests rejected by thrashing",
        "reqps",
        {"{{pool}}": rate("pool_requests_rejected_total", "pool")},
        "pool_requests_rejected_total: the pool would spend more than half of its time loading. Raise memory, or move "
        "models to another pool.",
        empty=no_pools,
    )

"""*Server*: the edge, the configuration, the metrics hub and the machine."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from monitoring.grafana.panels import TARGET_LINE, Panels, lines, new_dashboard, single
from monitoring.grafana.queries import rate

UID = "modelyard-server"
EDGE = 'proxy=~"edge_.*"'
UP = {0: ("down", "red"), 1: ("up", "green")}


def server() -> Dashboard:
    """The server below the models."""
    rows = {"": _stats(), "Edge": _edge(), "Metrics hub and configuration": _hub(), "Machine": _machine()}
    return new_dashboard(
        UID, "modelyard / Server", "The edge, the configuration, the metrics hub and the machine.", rows
    )


def _stats() -> Panels:
    yield single(
        "Edge",
        "none",
        'max(up{job="modelyard-edge"}) or vector(0)',
        "up of HAProxy's exporter. Down: clients cannot connect; see EdgeDown in the runbook.",
        words=UP,
    )
    yield single(
        "Metrics hub",
        "none",
        'max(up{job="modelyard"}) or vector(0)',
        "up of the metrics hub, the source of all model metrics. Down: see HubDown in the runbook.",
        words=UP,
    )
    yield single(
        "Configuration",
        "none",
        "min(config_last_reload_successful)",
        "config_last_reload_successful: whether the files on disk are in use. Rejected: `modelyard validate` shows "
        "why.",
        words={0: ("rejected", "red"), 1: ("in use", "green")},
        empty="unknown",
    )
    yield single(
        "Last reload",
        "s",
        "time() - max(config_last_reload_success_timestamp_seconds)",
        "config_last_reload_success_timestamp_seconds: time since the last reload. If a problem began then, compare "
        "with the history of your files.",
        empty="never",
    )
    yield single(
        "Connections",
        "percentunit",
        f"sum(haproxy_frontend_current_sessions{{{EDGE}}}) / (max(haproxy_process_max_connections) > 0)",
        "haproxy_frontend_current_sessions divided by haproxy_process_max_connections; at 100 % clients wait to "
        "connect. If it rises and the request rate does not, clients leak connections.",
        steps=((0.8, "orange"), (0.95, "red")),
        empty="unknown",
        decimals=1,
    )
    yield single(
        "Machine",
        "percent",
        "max(ray_node_cpu_utilization)",
        "ray_node_cpu_utilization: CPU of the busiest node. Above 90 % all models become slow: stop a process or add "
        "a machine.",
        steps=((80, "orange"), (95, "red")),
        empty="unknown",
        decimals=0,
    )


def _edge() -> Panels:
    yield lines(
        "Requests at the edge by status",
        "reqps",
        {"{{code}}": rate("haproxy_frontend_http_responses_total", "code", EDGE)},
        "haproxy_frontend_http_responses_total by status class. 5xx here without failed requests on Fleet: they did "
        "not reach a replica; see 5xx at the edge by model.",
        stacked=True,
        colours={"2xx": "green", "3xx": "blue", "4xx": "yellow", "5xx": "red", "other": "purple", "1xx": "light-blue"},
    )
    yield lines(
        "5xx at the edge by model",
        "reqps",
        {"{{proxy}}": rate("haproxy_backend_http_responses_total", "proxy", 'proxy=~"http-.*",code="5xx"')},
        "haproxy_backend_http_responses_total: 5xx of each model (http-<model>), including those that HAProxy "
        "returned because there was no replica. If there are more than failed requests on Model, replicas die or are "
        "missing; see Capacity.",
    )
    yield lines(
        "Rejected at the edge",
        "reqps",
        {
            "denied": rate("haproxy_frontend_requests_denied_total", "", EDGE),
            "malformed": rate("haproxy_frontend_request_errors_total", "", EDGE),
            "connections denied": rate("haproxy_frontend_denied_connections_total", "", EDGE),
            "answered by the edge": rate("haproxy_frontend_intercepted_requests_total", "", EDGE),
        },
        "haproxy_frontend_requests_denied_total, haproxy_frontend_request_errors_total (not HTTP, or closed before "
        "the request was complete), haproxy_frontend_denied_connections_total, "
        "haproxy_frontend_intercepted_requests_total (413, 429, 503). A sudden rise usually comes from one client: "
        "find its address in the edge's log.",
    )
    yield lines(
        "Connections",
        "none",
        {
            "open": f"sum(haproxy_frontend_current_sessions{{{EDGE}}})",
            "open, with TLS": "sum(haproxy_process_current_ssl_connections)",
        },
        "haproxy_frontend_current_sessions and haproxy_process_current_ssl_connections. The panel Connections at the "
        "top shows them as a share of the limit.",
        colours={"open": "blue", "open, with TLS": "green"},
    )
    yield lines(
        "New connections",
        "none",
        {
            "connections/s": rate("haproxy_frontend_connections_total", "", EDGE),
            "TLS handshakes/s": rate("haproxy_process_ssl_connections_total"),
        },
        "haproxy_frontend_connections_total and haproxy_process_ssl_connections_total. If the rate equals the request "
        "rate, clients do not reuse connections, and each request costs a handshake.",
    )
    yield lines(
        "Traffic",
        "Bps",
        {
            "in": rate("haproxy_frontend_bytes_in_total", "", EDGE),
            "out": rate("haproxy_frontend_bytes_out_total", "", EDGE),
        },
        "haproxy_frontend_bytes_in_total and haproxy_frontend_bytes_out_total. Large bodies slow down other requests; "
        "clients that send arrays should use binary tensors instead of JSON.",
    )


def _hub() -> Panels:
    yield lines(
        "Reporting replicas",
        "none",
        {
            "reporting": "sum(metrics_hub_replicas)",
            "running": 'sum(model_replicas{state="running"})',
        },
        "metrics_hub_replicas and model_replicas. If fewer report than run, the others cannot reach the hub. They "
        "report the missing counts later, and requests are not affected.",
        empty="unknown",
    )
    yield lines(
        "Configuration reloads",
        "none",
        {
            "applied": "changes(config_last_reload_success_timestamp_seconds[$__rate_interval])",
            "rejected": "1 - min(config_last_reload_successful)",
        },
        "config_last_reload_success_timestamp_seconds and config_last_reload_successful. rejected stays until the "
        "files are fixed: `modelyard validate`.",
        colours={"applied": "green", "rejected": "red"},
        empty="unknown",
    )
    yield lines(
        "Scrapes",
        "s",
        {"{{job}}": 'scrape_duration_seconds{job=~"modelyard.*"}'},
        "scrape_duration_seconds: response time of each exporter. Several seconds mean that the machine is overloaded.",
        axis="log",
        empty="unknown",
    )


def _machine() -> Panels:
    yield lines(
        "CPU",
        "percent",
        {"{{instance}}": "ray_node_cpu_utilization"},
        "ray_node_cpu_utilization of each node. Near 100 %, all models become slow: stop a process or add a machine.",
        at_most=100,
        targets=((95, TARGET_LINE),),
        empty="unknown",
    )
    yield lines(
        "Memory",
        "bytes",
        {
            "{{instance}}: used": "ray_node_mem_used",
            "{{instance}}: total": "ray_node_mem_total",
        },
        "ray_node_mem_used and ray_node_mem_total of each node. If used is close to total, Ray kills replicas: see "
        "Memory on Capacity.",
        empty="unknown",
    )
    yield lines(
        "Disk",
        "percent",
        {"{{instance}}": "ray_node_disk_utilization_percentage"},
        "ray_node_disk_utilization_percentage of each node. Above 95 % Ray starts no replicas: delete old logs.",
        at_most=100,
        targets=((95, TARGET_LINE),),
        empty="unknown",
    )

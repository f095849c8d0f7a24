"""*Server*: the edge, the configuration, the hub of the metrics, and the machine."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from monitoring.grafana.panels import TARGET_LINE, Panels, lines, new_dashboard, single
from monitoring.grafana.queries import rate

UID = "modelyard-server"
EDGE = 'proxy=~"edge_.*"'
UP = {0: ("down", "red"), 1: ("up", "green")}


def server() -> Dashboard:
    """What is under all models."""
    rows = {"": _stats(), "Edge": _edge(), "Hub": _hub(), "Machine": _machine()}
    return new_dashboard(UID, "modelyard / Server", "The edge, the configuration, the hub and the machine.", rows)


def _stats() -> Panels:
    yield single(
        "Edge",
        "none",
        'max(up{job="modelyard-edge"}) or vector(0)',
        "up of HAProxy's exporter. Down: no request gets in; see the runbook, EdgeDown.",
        words=UP,
    )
    yield single(
        "Hub",
        "none",
        'max(up{job="modelyard"}) or vector(0)',
        "up of the hub, where all model metrics come from. Down: see the runbook, HubDown.",
        words=UP,
    )
    yield single(
        "Configuration",
        "none",
        "min(config_last_reload_successful)",
        "config_last_reload_successful: whether what is on disk is what runs. Refused: `modelyard validate` says why.",
        words={0: ("refused", "red"), 1: ("in use", "green")},
        empty="unknown",
    )
    yield single(
        "Last reload",
        "s",
        "time() - max(config_last_reload_success_timestamp_seconds)",
        "config_last_reload_success_timestamp_seconds: how long ago a configuration was last taken. Trouble that began then? "
        "Compare with your own history of the files.",
        empty="never",
    )
    yield single(
        "Connections",
        "percentunit",
        f"sum(haproxy_frontend_current_sessions{{{EDGE}}}) / (max(haproxy_process_max_connections) > 0)",
        "haproxy_frontend_current_sessions of haproxy_process_max_connections, at which clients wait to be let in. If it climbs "
        "while requests do not, clients leak connections.",
        steps=((0.8, "orange"), (0.95, "red")),
        empty="unknown",
        decimals=1,
    )
    yield single(
        "Machine",
        "percent",
        "max(ray_node_cpu_utilization)",
        "ray_node_cpu_utilization: CPU of the busiest node. Over 90 % every model gets slow: stop something, or add a machine.",
        steps=((80, "orange"), (95, "red")),
        empty="unknown",
        decimals=0,
    )


def _edge() -> Panels:
    yield lines(
        "Requests at the edge by status",
        "reqps",
        {"{{code}}": rate("haproxy_frontend_http_responses_total", "code", EDGE)},
        "haproxy_frontend_http_responses_total by class of status. 5xx here, with no failed requests on Fleet: they never reached "
        "a replica; see Failed at the edge by model.",
        stacked=True,
        colours={"2xx": "green", "3xx": "blue", "4xx": "yellow", "5xx": "red", "other": "purple", "1xx": "light-blue"},
    )
    yield lines(
        "Failed at the edge by model",
        "reqps",
        {"{{proxy}}": rate("haproxy_backend_http_responses_total", "proxy", 'proxy=~"http-.*",code="5xx"')},
        "haproxy_backend_http_responses_total: 5xx of each model (http-<model>), with those that HAProxy gave because no replica "
        "was there. More than its failed requests on Model: replicas die or are missing; see Capacity.",
    )
    yield lines(
        "Refused at the edge",
        "reqps",
        {
            "denied": rate("haproxy_frontend_requests_denied_total", "", EDGE),
            "malformed": rate("haproxy_frontend_request_errors_total", "", EDGE),
            "connections denied": rate("haproxy_frontend_denied_connections_total", "", EDGE),
            "answered by the edge": rate("haproxy_frontend_intercepted_requests_total", "", EDGE),
        },
        "haproxy_frontend_requests_denied_total, haproxy_frontend_request_errors_total (not HTTP, or left before the request was "
        "whole), haproxy_frontend_denied_connections_total, haproxy_frontend_intercepted_requests_total (413, 429, 503). A jump "
        "is one client: its address is in the edge's log.",
    )
    yield lines(
        "Connections",
        "none",
        {
            "open": f"sum(haproxy_frontend_current_sessions{{{EDGE}}})",
            "open, with TLS": "sum(haproxy_process_current_ssl_connections)",
        },
        "haproxy_frontend_current_sessions and haproxy_process_current_ssl_connections. How near they are to the most that are "
        "let in is at the top, under Connections.",
        colours={"open": "blue", "open, with TLS": "green"},
    )
    yield lines(
        "New connections",
        "none",
        {
            "a second": rate("haproxy_frontend_connections_total", "", EDGE),
            "TLS handshakes a second": rate("haproxy_process_ssl_connections_total"),
        },
        "haproxy_frontend_connections_total and haproxy_process_ssl_connections_total. As many as requests: clients do not keep "
        "connections, which costs each of them a handshake.",
    )
    yield lines(
        "Traffic",
        "Bps",
        {
            "in": rate("haproxy_frontend_bytes_in_total", "", EDGE),
            "out": rate("haproxy_frontend_bytes_out_total", "", EDGE),
        },
        "haproxy_frontend_bytes_in_total and haproxy_frontend_bytes_out_total. Large bodies make everything else wait; clients "
        "with arrays do better with binary tensors than with JSON.",
    )


def _hub() -> Panels:
    yield lines(
        "Replicas that report",
        "none",
        {
            "report": "sum(metrics_hub_replicas)",
            "run": 'sum(model_replicas{state="running"})',
        },
        "metrics_hub_replicas against model_replicas. Fewer report than run: those replicas cannot reach the hub; they catch up "
        "once they can, and requests do not suffer.",
        empty="unknown",
    )
    yield lines(
        "Configurations taken",
        "none",
        {
            "taken": "changes(config_last_reload_success_timestamp_seconds[$__rate_interval])",
            "refused": "1 - min(config_last_reload_successful)",
        },
        "config_last_reload_success_timestamp_seconds and config_last_reload_successful. refused stays until the files are mended: "
        "`modelyard validate`.",
        colours={"taken": "green", "refused": "red"},
        empty="unknown",
    )
    yield lines(
        "Scrapes",
        "s",
        {"{{job}}": 'scrape_duration_seconds{job=~"modelyard.*"}'},
        "scrape_duration_seconds: how long each exporter takes to answer Prometheus. Seconds mean that the machine is starved.",
        axis="log",
        empty="unknown",
    )


def _machine() -> Panels:
    yield lines(
        "CPU",
        "percent",
        {"{{instance}}": "ray_node_cpu_utilization"},
        "ray_node_cpu_utilization of each node. Full: every model gets slow, whatever its own numbers say.",
        at_most=100,
        targets=((95, TARGET_LINE),),
        empty="unknown",
    )
    yield lines(
        "Memory",
        "bytes",
        {
            "{{instance}}: used": "ray_node_mem_used",
            "{{instance}}: in all": "ray_node_mem_total",
        },
        "ray_node_mem_used of ray_node_mem_total, of each node. Near it, Ray kills replicas: see Memory on Capacity.",
        empty="unknown",
    )
    yield lines(
        "Disk",
        "percent",
        {"{{instance}}": "ray_node_disk_utilization_percentage"},
        "ray_node_disk_utilization_percentage of each node. Over 95 % Ray starts nothing any more: clear the old logs.",
        at_most=100,
        targets=((95, TARGET_LINE),),
        empty="unknown",
    )

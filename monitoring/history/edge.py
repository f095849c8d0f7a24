"""Simulated series of HAProxy and Ray."""

import math

from monitoring.history import scenario
from monitoring.history.series import SyntheticSeries, labels

FRONTEND = labels(proxy="edge_http")
BODY_BYTES, RESPONSE_BYTES = 420, 190


class Edge:
    """HAProxy's counters per model, and the machine's gauges."""

    def __init__(self, series: SyntheticSeries) -> None:
        self._series = series
        self._requests = 0.0

    def count(self, model: str, *, ok: float, invalid: float, rejected: float, lost: float) -> None:
        """Count one model's requests of one step; `lost` are those without a replica."""
        classes = {"1xx": 0.0, "2xx": ok, "3xx": 0.0, "4xx": invalid + rejected, "5xx": lost, "other": 0.0}
        for proxy in ("edge_http", f"http-{model}"):
            side = "frontend" if proxy == "edge_http" else "backend"
            for code, count in classes.items():
                key = labels(proxy=proxy, code=code)
                self._series.add(f"haproxy_{side}_http_responses_total", key, count)
        self._series.add("haproxy_frontend_intercepted_requests_total", FRONTEND, lost)
        self._requests += ok + invalid + rejected + lost

    def step(self, minute: float, step_s: float, busy: float) -> None:
        """Finish a step after all models are counted; `busy` is in cores."""
        series, requests = self._series, self._requests
        self._requests = 0.0
        clients = 40 + requests / step_s / 12
        for name, amount in {
            "haproxy_frontend_connections_total": requests / 60,
            "haproxy_frontend_requests_denied_total": 0.0,
            "haproxy_frontend_request_errors_total": requests * 0.00005,
            "haproxy_frontend_denied_connections_total": 0.0,
            "haproxy_frontend_bytes_in_total": requests * BODY_BYTES,
            "haproxy_frontend_bytes_out_total": requests * RESPONSE_BYTES,
        }.items():
            series.add(name, FRONTEND, amount)
        series.add("haproxy_process_ssl_connections_total", (), requests / 200)
        series.set("haproxy_frontend_current_sessions", FRONTEND, round(clients))
        series.set("haproxy_process_max_connections", (), 20_000)
        series.set("haproxy_process_current_ssl_connections", (), round(clients * 0.3))
        node = labels(instance="127.0.0.1:8004", job="modelyard-ray")
        memory = 5.2e9 + 2.1e8 * math.sin(minute / 40) + 4e8 * busy
        series.set("ray_node_cpu_utilization", node, min(100.0, 12 + 100 * busy / 8))
        series.set("ray_node_mem_used", node, memory)
        series.set("ray_node_mem_total", node, 24 * 2**30)
        series.set("ray_node_disk_utilization_percentage", node, 41 + scenario.MINUTES / 1000 + minute / 400)

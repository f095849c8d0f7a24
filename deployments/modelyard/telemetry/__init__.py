"""Telemetry of requests: metrics, the request log, traces."""

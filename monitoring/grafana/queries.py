"""PromQL that several panels share.

Every divisor is filtered by `> 0`: without traffic there is no value, and never NaN.
"""

import re

WINDOW = "$__rate_interval"
REQUESTS = "inference_requests_total"
DURATION = "inference_request_duration_seconds"
QUEUE = "inference_queue_duration_seconds"
COMPUTE = "inference_compute_duration_seconds"
BATCH = "inference_batch_size"
LOAD = "model_load_duration_seconds"
SERVED = 'code!="invalid"'
"""All requests but invalid ones."""
FAILED = 'code=~"overloaded|timeout|error"'


CLUSTER = 'cluster="$cluster"'
"""One server's series: a Prometheus may scrape several. With an empty variable it also matches series without the label."""
_FAMILIES = "model|modelyard|pool|inference|haproxy|ray|config|metrics|scrape"
_METRIC = re.compile(rf'("[^"]*")|(?<![\w:$])((?:{_FAMILIES})[_:][\w:]+|up|ALERTS\w*)\b(\{{\}}?)?')
"""A string literal, or a metric's name and the beginning of its selector."""


def scoped(expr: str) -> str:
    """The query, restricted to the chosen server."""

    def scope(found: re.Match[str]) -> str:
        text, metric, opened = found.groups()
        if text:
            return text
        return f"{metric}{{{CLUSTER}" + ("," if opened == "{" else "}")

    return _METRIC.sub(scope, expr)


def rate(metric: str, by: str = "", where: str = "", window: str = WINDOW) -> str:
    """The rate of a counter per second. `by` are labels, `where` label matchers, both separated by commas."""
    return f"sum by ({by}) (rate({metric}{_matchers(where)}[{window}]))"


def mean(metric: str, by: str = "", where: str = "", window: str = WINDOW) -> str:
    """A histogram's mean."""
    return f"{rate(f'{metric}_sum', by, where, window)} / ({rate(f'{metric}_count', by, where, window)} > 0)"


def percentile(share: float, metric: str, by: str = "", where: str = "", window: str = WINDOW) -> str:
    """The value that `share` (of 1) of a histogram's observations are below."""
    buckets = rate(f"{metric}_bucket", f"le, {by}" if by else "le", where, window)
    return f"histogram_quantile({share:g}, {buckets}) and on ({by}) {rate(f'{metric}_count', by, where, window)} > 0"


def failed_share(by: str = "", where: str = "", window: str = WINDOW) -> str:
    """The share (of 1) of valid requests that failed."""
    failed = rate(REQUESTS, by, _and(where, FAILED), window)
    no_failure = f"0 * {rate(REQUESTS, by, where, window)}"  # a code that did not occur has no series
    return f"({failed} or {no_failure}) / ({rate(REQUESTS, by, _and(where, SERVED), window)} > 0)"


def busy_share(by: str = "model", where: str = "", window: str = WINDOW) -> str:
    """The share (of 1) of time in which the replicas of a model compute; `by` begins with the model."""
    running = _matchers(_and(where, 'state="running"'))
    replicas = f"sum by (model) (avg_over_time(model_replicas{running}[{window}]))"
    return f"{rate(f'{COMPUTE}_sum', by, where, window)} / on (model) group_left () ({replicas} > 0)"


def queue_share(by: str = "model", where: str = "") -> str:
    """The share (of 1) of the queue that is in use; at 1, requests are rejected."""
    return (
        f"sum by ({by}) (inference_queue_depth{_matchers(where)})"
        f" / (sum by ({by}) (inference_capacity{_matchers(where)}) > 0)"
    )


def _matchers(where: str) -> str:
    return f"{{{where}}}" if where else ""


def _and(*parts: str) -> str:
    return ",".join(part for part in parts if part)

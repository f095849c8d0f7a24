"""The keys of a model's file that follow from a measurement, as YAML. Pure."""

import math
from dataclasses import dataclass
from typing import Any

from modelyard.cli.bench.choice import Check
from modelyard.cli.bench.levels import LevelResult
from modelyard.config.model_spec import ModelSpec
from modelyard.config.yaml_writer import to_yaml


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Settings that were measured, or that follow from what was."""

    values: dict[str, Any]
    """Sections of a model's file, complete, so that they can replace those of the file."""
    reasons: tuple[str, ...]
    """For each value that is not the measured model's own: what it follows from."""
    warnings: tuple[str, ...] = ()

    def yaml(self, file: str) -> str:
        """Text to paste into the model's file in place of these keys."""
        reasons = "".join(f"# {reason}\n" for reason in self.reasons)
        return f"# {file}: replace these keys\n{reasons}{to_yaml(self.values)}"


def recommend(spec: ModelSpec, level: LevelResult, check: Check, *, rate: float | None, cores: int) -> Recommendation:
    """The settings of a model for a load that met the limit.

    `rate` is the number of requests per second that the model should answer; None: as many as measured. `cores` are those of the
    machine.
    """
    replicas = max(1, check.result.replicas)
    measured = check.result.window.requests_per_s
    values: dict[str, Any] = {"batching": spec.batching.model_dump(), "limits": spec.limits.model_dump()}
    values["limits"]["queue"] = queue = max(level.level.in_flight, check.result.window.peak_in_flight)
    if not values["batching"]["independent_rows"]:
        del values["batching"]["independent_rows"]
    reasons = [
        "batching: as measured",
        f"limits.queue: the most requests in flight while the limit was met ({queue}); more get 429 instead of a long wait",
    ]
    wanted = replicas if rate is None else max(1, math.ceil(rate * replicas / measured))
    enough = _enough(rate, measured, replicas, wanted)
    warnings = []
    if wanted > replicas and wanted * spec.resources.cpus > cores:
        warnings.append(f"{wanted} replicas reserve {wanted * spec.resources.cpus:g} cores; this machine has {cores}")
    if wanted > replicas:
        warnings.append(f"{enough}. This is calculated, not measured: it needs a free core for each replica")
    if spec.pool:
        if wanted > replicas:
            reasons.append(f"the pool {spec.pool}: {enough}; set its `replicas` in its own file")
    else:
        values["replicas"] = _replicas(spec, replicas, wanted)
        if wanted > replicas:
            reasons.append(f"replicas: {enough}; calculated, not measured")
        elif rate is not None:
            reasons.append(f"replicas: as measured, which is enough for {rate:,.0f} requests/s")
        if "target_in_flight" in values["replicas"]:
            target = max(0.1, round(check.mean_in_flight / replicas, 1))
            values["replicas"]["target_in_flight"] = target
            reasons.append(f"replicas.target_in_flight: the mean per replica at {measured:,.0f} requests/s ({target})")
    return Recommendation(values, tuple(reasons), tuple(warnings))


def _enough(rate: float | None, measured: float, replicas: int, wanted: int) -> str:
    return f"{rate or measured:,.0f} requests/s need {wanted} replicas at {measured / replicas:,.0f} requests/s each"


def _replicas(spec: ModelSpec, running: int, wanted: int) -> dict[str, Any]:
    """The section `replicas`, without a target if the number is fixed."""
    low, high = spec.replicas.min, spec.replicas.max
    if wanted > running:
        low, high = (wanted, wanted) if low == high else (low, max(high, wanted))
    bounds: dict[str, Any] = {"min": low, "max": high}
    return bounds if low == high else {**bounds, "target_in_flight": spec.replicas.target_in_flight}

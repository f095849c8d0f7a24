"""The simulated scenario: models, traffic and incidents.

All times are minutes since the start. Nothing is random: the same minute always has the same traffic.
"""

import math
from dataclasses import dataclass

MINUTES = 360
END = 1_767_290_400
"""2026-01-01 18:00 UTC, Unix seconds."""
START = END - 60 * MINUTES


@dataclass(frozen=True, slots=True)
class Profile:
    """One model's normal traffic."""

    runtime: str
    requests_s: float
    """Mean requests per second."""
    compute_s: float
    """Compute time per request."""
    memory_bytes: float
    """Of one replica."""
    max_replicas: int = 1
    min_replicas: int = 1


PROFILES = {
    "breast-cancer": Profile("sklearn", 90, 0.0006, 310e6),
    "diabetes": Profile("sklearn", 45, 0.0004, 295e6),
    "digits": Profile("onnx", 380, 0.0009, 240e6, max_replicas=4),
    "iris": Profile("sklearn", 240, 0.0003, 290e6, max_replicas=2),
    "ticket-topic": Profile("sklearn", 130, 0.003, 420e6, max_replicas=4),
    "wine-alcohol": Profile("sklearn", 14, 0.012, 350e6, max_replicas=2, min_replicas=0),
}


@dataclass(frozen=True, slots=True)
class Incident:
    """A fault, and the alerts that it must trigger."""

    model: str
    """Empty if it affects the whole server."""
    begin: float
    end: float
    story: str
    alerts: tuple[str, ...] = ()


BAD_VERSION = Incident(
    "digits",
    45,
    68,
    "version 2 fails one request in twelve and is rolled back",
    ("ModelFailing", "ModelFailingSlowly"),
)
SURGE = Incident(
    "ticket-topic",
    110,
    150,
    "eleven times the usual traffic, more than four replicas can handle",
    ("ModelAtMaxReplicas", "ModelFailing", "ModelFailingSlowly", "ModelSlow"),
)
BAD_CLIENT = Incident("iris", 190, 215, "a client sends text where numbers belong")
DEATH = Incident(
    "breast-cancer", 240, 245, "the only replica dies, and the machine has no room for another", ("ModelNotReady",)
)
BAD_CONFIG = Incident("", 270, 300, "a configuration change is rejected", ("ConfigReloadFailed",))
HUB_DOWN = Incident("", 330, 333, "the metrics hub is down; requests still work", ("HubDown",))
INCIDENTS = (BAD_VERSION, SURGE, BAD_CLIENT, DEATH, BAD_CONFIG, HUB_DOWN)
FIRST_WINE_REQUEST = 170.0
"""Minute of the first request for the model that is scaled to zero."""


def during(incident: Incident, minute: float) -> bool:
    """Whether the incident is active at this minute."""
    return incident.begin <= minute < incident.end


def demand(model: str, minute: float) -> float:
    """Requests per second from clients, valid and invalid."""
    if model == "wine-alcohol" and minute < FIRST_WINE_REQUEST:
        return 0.0
    phase = 1 + list(PROFILES).index(model)
    variation = 1 + 0.25 * math.sin(minute / 57 + phase) + 0.08 * math.sin(minute / 3.7 * phase)
    usual = PROFILES[model].requests_s * variation
    if model == SURGE.model and during(SURGE, minute):
        ramp = min(1.0, (minute - SURGE.begin) / 8)
        return usual * (1 + 10 * ramp)
    return usual


def invalid_share(model: str, minute: float) -> float:
    """Share of requests that are invalid."""
    return 0.6 if model == BAD_CLIENT.model and during(BAD_CLIENT, minute) else 0.004


def error_share(model: str, version: str, minute: float) -> float:
    """Share of valid requests that fail in the model."""
    bad = model == BAD_VERSION.model and version == "2" and during(BAD_VERSION, minute)
    return 1 / 12 if bad else 0.00002


def versions(model: str, minute: float) -> dict[str, float]:
    """Versions that serve, with their share of the traffic."""
    if model != BAD_VERSION.model:
        return {"1": 1.0}
    if not during(BAD_VERSION, minute):
        return {"1": 1.0}
    new = min(1.0, (minute - BAD_VERSION.begin) / 2)  # replicas are replaced one by one
    return {"1": 1 - new, "2": new} if new < 1 else {"2": 1.0}

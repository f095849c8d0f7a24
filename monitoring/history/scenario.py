"""The script of the six hours: which models there are, what is asked of them, and what goes wrong. Pure.

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
    """One model's everyday."""

    runtime: str
    requests_s: float
    """Requests a second at the usual height of the day."""
    compute_s: float
    """Seconds of computing a request."""
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
    """Something that goes wrong, and what it should set off."""

    model: str
    """Empty where it is the server's."""
    begin: float
    end: float
    story: str
    alerts: tuple[str, ...] = ()


BAD_VERSION = Incident(
    "digits",
    45,
    68,
    "version 2 raises on one request in twelve; gone back from",
    ("ModelFailing", "ModelFailingSlowly"),
)
SURGE = Incident(
    "ticket-topic",
    110,
    150,
    "eleven times the usual requests, more than four replicas can do",
    ("ModelAtMaxReplicas", "ModelFailing", "ModelFailingSlowly", "ModelSlow"),
)
BAD_CLIENT = Incident("iris", 190, 215, "a client sends text where numbers belong")
DEATH = Incident(
    "breast-cancer", 240, 245, "the only replica dies, and the machine has no room for another", ("ModelNotReady",)
)
BAD_CONFIG = Incident("", 270, 300, "a change of the files is refused", ("ConfigReloadFailed",))
HUB_DOWN = Incident("", 330, 333, "the hub is away; requests go on", ("HubDown",))
INCIDENTS = (BAD_VERSION, SURGE, BAD_CLIENT, DEATH, BAD_CONFIG, HUB_DOWN)
FIRST_WINE_REQUEST = 170.0
"""When the model that is scaled to zero gets its first request."""


def during(incident: Incident, minute: float) -> bool:
    """Whether it goes on."""
    return incident.begin <= minute < incident.end


def demand(model: str, minute: float) -> float:
    """Requests that clients make, a second, good and bad ones."""
    if model == "wine-alcohol" and minute < FIRST_WINE_REQUEST:
        return 0.0
    phase = 1 + list(PROFILES).index(model)
    swell = 1 + 0.25 * math.sin(minute / 57 + phase) + 0.08 * math.sin(minute / 3.7 * phase)
    usual = PROFILES[model].requests_s * swell
    if model == SURGE.model and during(SURGE, minute):
        ramp = min(1.0, (minute - SURGE.begin) / 8)
        return usual * (1 + 10 * ramp)
    return usual


def invalid_share(model: str, minute: float) -> float:
    """The share of them that are their client's mistake."""
    return 0.6 if model == BAD_CLIENT.model and during(BAD_CLIENT, minute) else 0.004


def error_share(model: str, version: str, minute: float) -> float:
    """The share of the good ones that the model fails."""
    bad = model == BAD_VERSION.model and version == "2" and during(BAD_VERSION, minute)
    return 1 / 12 if bad else 0.00002


def versions(model: str, minute: float) -> dict[str, float]:
    """Versions that answer, with their share of the requests."""
    if model != BAD_VERSION.model:
        return {"1": 1.0}
    if not during(BAD_VERSION, minute):
        return {"1": 1.0}
    new = min(1.0, (minute - BAD_VERSION.begin) / 2)  # replicas change one after another
    return {"1": 1 - new, "2": new} if new < 1 else {"2": 1.0}

"""A model's state, in Triton's terms, and the reason for the operator, from Ray Serve's status of its application. Pure."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import dropwhile
from typing import Literal

State = Literal["READY", "LOADING", "UNAVAILABLE"]

WAITING_TO_LOAD = "waits until the models before it have loaded"
"""The reason of a model that is not deployed yet."""
MAX_REASON_CHARS = 1000
"""Longer reasons are in the log."""
_ANSWERING = ("RUNNING", "UPDATING", "PENDING_MIGRATION")
"""Serve's states of a replica that answers requests."""
_ERROR = "Error:\n"
"""Serve writes it before a failure that has no traceback."""
_FAILED = ("DEPLOY_FAILED", "UNHEALTHY")
_WRITTEN_FOR_OPERATORS = ("LoadError", "WarmupFailed", "ArtefactChanged", "ArtefactUnreadable")
"""Errors whose message is written for the operator; the text of others has the class name too."""
_TRACEBACK = re.compile(
    r"Traceback \(most recent call last\):\n|^(?:\x1b\[\d+m)?ray::.*\(pid=\d+, ip=.*\n",  # Ray writes one of the two
    re.MULTILINE,
)
_NEXT_TRACEBACK = re.compile(r"\n\n(?:During handling of|The above exception was) .*", re.DOTALL)
_RAISED = re.compile(r"(?:[A-Za-z_]\w*\.)*([A-Za-z_]\w*)(?:: ?(.*))?", re.DOTALL)
_WAITING = re.compile(r"Resources required for each replica: (\{.*?\}), total resources available: (\{.*?\})")


@dataclass(frozen=True, slots=True)
class Deployed:
    """Serve's status of one application."""

    status: str
    """Serve's ApplicationStatus."""
    replica_states: Mapping[str, int]
    """Replicas by Serve's ReplicaState."""
    message: str = ""


def is_unlisted(status: str, deployments: Collection[object]) -> bool:
    """Whether Serve builds the application, or failed to, and lists none of its deployments, whatever runs."""
    return status in ("DEPLOYING", "DEPLOY_FAILED") and not deployments


def text_of(value: str | Enum) -> str:
    """The value of a member of one of Serve's string enumerations, which does not print as one."""
    return str(value.value) if isinstance(value, Enum) else value


def state_of(deployed: Deployed | None) -> State:
    """READY while any replica answers, even if an update has failed: the previous version keeps serving."""
    if deployed is None:
        return "UNAVAILABLE"
    if any(deployed.replica_states.get(state) for state in _ANSWERING) or deployed.status == "RUNNING":
        return "READY"  # RUNNING with no replica is scaled to zero: the next request starts one
    gone = deployed.status in (*_FAILED, "DELETING") or reason_in(deployed.message)
    return "UNAVAILABLE" if gone else "LOADING"


def reason_of(deployed: Deployed) -> str:
    """Why it is not READY, or why its last change failed; "" if there is no problem."""
    if failed := reason_in(deployed.message):
        return failed
    return _shortened(deployed.message) if deployed.status in _FAILED else _waiting_in(deployed.message)


def reason_in(message: str) -> str:
    """The reason in a failure message of Serve, without its tracebacks; "" if the message reports no failure."""
    raised = _raised_in(message)
    if own := [text for kind, text in raised if kind in _WRITTEN_FOR_OPERATORS]:
        return _shortened(own[-1])
    if "ActorDiedError" in message or "The actor died" in message:
        return "the replica's process died while it started (out of memory, or killed)"
    if raised:
        return describe_error(*raised[-1])
    _, _, error = message.partition(_ERROR)
    return _shortened(error)


def failure_message(reason: str) -> str:
    """A message in which `reason_in` finds this reason; "" without one."""
    return f"{_ERROR}{reason}" if reason else ""


def describe_error(kind: str, text: str) -> str:
    """A text for the operator, from the name of an exception's class and its message."""
    if kind in ("MemoryError", "_ArrayMemoryError"):
        return _shortened(f"out of memory (resources.memory is the limit): {text or 'allocation failed'}")
    if kind in _WRITTEN_FOR_OPERATORS or (kind == "TimeoutError" and text):
        return _shortened(text)
    return _shortened(f"{kind}: {text}" if text else kind)


def _raised_in(message: str) -> list[tuple[str, str]]:
    """Class and message of each exception with a traceback in the message; a cause comes before its effect."""
    found = []
    for traceback in _TRACEBACK.split(message)[1:]:
        # Frames are indented; what is not, until the next traceback, is the exception.
        lines = dropwhile(lambda line: line.startswith(" "), traceback.split("\n"))
        if raised := _RAISED.fullmatch(_NEXT_TRACEBACK.sub("", "\n".join(lines)).strip()):
            found.append((raised[1], (raised[2] or "").strip()))
    return found


def _waiting_in(message: str) -> str:
    """The resources that a replica waits for; "" if it waits for none."""
    found = _WAITING.search(message)
    if found is None:
        return ""
    required, free = (json.loads(text) for text in found.groups())
    if all(free.get(name, 0) >= amount for name, amount in required.items()):
        return ""  # Serve also reports this of a replica whose process is slow to start
    needs = [f"{_amount(name, much)} ({_amount(name, free.get(name, 0))} free)" for name, much in required.items()]
    return f"insufficient resources for a replica that needs {' and '.join(needs)}: lower resources.cpus or resources.memory"


def _amount(resource: str, amount: float) -> str:
    return f"{amount / 2**20:.0f} MiB" if resource == "memory" else f"{amount:g} {resource}"


def _shortened(text: str) -> str:
    text = text.strip()
    return text if len(text) <= MAX_REASON_CHARS else text[: MAX_REASON_CHARS - 1] + "…"

"""Implements `plan` and `apply`: through the running server's socket, or through Ray on a cluster, which has no such socket."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelyard.cli.control_client import RunningServer, running_server
from modelyard.cli.fleet_state import FleetState
from modelyard.control.plan import Action
from modelyard.control.status import ModelStatus

POLL_S = 0.3


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes that an apply would make, or made."""

    actions: tuple[Action, ...]
    refused: Mapping[str, str]
    """Reasons by model."""
    withheld: str = ""
    """Why a confirmation is needed; "" if none is."""
    statuses: tuple[ModelStatus, ...] | None = None
    """The models after the wait; None without a wait."""


def plan_changes(config_dir: Path) -> Changes:
    """The changes that an apply of the files would make now. Raises SpecError and ConnectionError."""
    if server := running_server(config_dir):
        reply = server.plan()
        return Changes(_actions(reply["actions"]), reply["refused"], reply["withheld"])
    from modelyard.cli.attach import attached  # noqa: PLC0415 - takes seconds

    with attached(config_dir, starting=False) as (applier, desired):
        return Changes(applier.plan(desired), desired.refused, applier.withheld(desired))


def apply_changes(config_dir: Path, *, allow_removals: bool, wait_s: float | None) -> Changes:
    """Apply the files, and wait for at most `wait_s` until no model is changing.

    Raises SpecError, ConnectionError, and NeedsConfirmation if the changes need `allow_removals`.
    """
    if server := running_server(config_dir):
        reply = server.apply(allow_removals=allow_removals)
        statuses = None if wait_s is None else _wait_until_settled(server, reply["turn"], wait_s)
        return Changes(_actions(reply["actions"]), reply["refused"], statuses=statuses)
    from modelyard.cli.attach import attached, wait_settled  # noqa: PLC0415 - takes seconds

    with attached(config_dir, starting=True) as (applier, desired):
        actions = applier.apply(desired, allow_removals=allow_removals)
        statuses = None if wait_s is None else wait_settled(applier, wait_s)
        return Changes(actions, desired.refused, statuses=statuses)


def _wait_until_settled(server: RunningServer, turn: int, wait_s: float) -> tuple[ModelStatus, ...]:
    """The first state after that turn of the control loop in which no model is changing, or the last one before the timeout."""
    deadline = time.monotonic() + wait_s
    while True:
        document = server.status()
        state = FleetState(tuple(document["models"]), frozenset(), document["server"])
        statuses = state.statuses
        settled = document["server"]["turn"] > turn and not any(status.changing for status in statuses)
        if settled or time.monotonic() > deadline:
            return statuses
        time.sleep(POLL_S)


def _actions(reply: list[dict[str, str]]) -> tuple[Action, ...]:
    return tuple(Action(**action) for action in reply)  # type: ignore[arg-type] # from the same release

"""`plan` and `apply`: by the running server's socket, or through Ray where there is none (a cluster)."""

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
    """What an apply would do, or did."""

    actions: tuple[Action, ...]
    refused: Mapping[str, str]
    """Reasons by model."""
    withheld: str = ""
    """Why nothing is done without a confirmation."""
    statuses: tuple[ModelStatus, ...] | None = None
    """What became of it, where that was waited for."""


def plan_changes(config_dir: Path) -> Changes:
    """What an apply of the files would change now. Raises SpecError and ConnectionError."""
    if server := running_server(config_dir):
        told = server.plan()
        return Changes(_actions(told["actions"]), told["refused"], told["withheld"])
    from modelyard.cli.attach import attached  # noqa: PLC0415 - takes seconds

    with attached(config_dir, starting=False) as (applier, desired):
        return Changes(applier.plan(desired), desired.refused, applier.withheld(desired))


def apply_changes(config_dir: Path, *, allow_removals: bool, wait_s: float | None) -> Changes:
    """Make the server match the files, and wait for at most `wait_s` until nothing changes any more.

    Raises SpecError, ConnectionError, and Withheld where nothing is changed unless `allow_removals` is set.
    """
    if server := running_server(config_dir):
        told = server.apply(allow_removals=allow_removals)
        statuses = None if wait_s is None else _wait_until_settled(server, told["turn"], wait_s)
        return Changes(_actions(told["actions"]), told["refused"], statuses=statuses)
    from modelyard.cli.attach import attached, wait_settled  # noqa: PLC0415 - takes seconds

    with attached(config_dir, starting=True) as (applier, desired):
        actions = applier.apply(desired, allow_removals=allow_removals)
        statuses = None if wait_s is None else wait_settled(applier, wait_s)
        return Changes(actions, desired.refused, statuses=statuses)


def _wait_until_settled(server: RunningServer, turn: int, wait_s: float) -> tuple[ModelStatus, ...]:
    """The first look after that turn in which nothing changes; the last one when the time is over."""
    deadline = time.monotonic() + wait_s
    while True:
        document = server.status()
        seen = FleetState(tuple(document["models"]), frozenset(), document["server"])
        statuses = seen.statuses
        settled = document["server"]["turn"] > turn and not any(status.changing for status in statuses)
        if settled or time.monotonic() > deadline:
            return statuses
        time.sleep(POLL_S)


def _actions(told: list[dict[str, str]]) -> tuple[Action, ...]:
    return tuple(Action(**action) for action in told)  # type: ignore[arg-type] # of our own server

"""A command's connection to the server that `modelyard up` runs, or to a cluster by its address."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from modelyard.config.server_spec import ServerSpec
from modelyard.control.desired import ConfigReader, DesiredState
from modelyard.control.environment import attach_environment, cluster_environment
from modelyard.control.paths import ServerPaths, paths_of
from modelyard.control.ports import check_listening

if TYPE_CHECKING:
    from modelyard.control.apply import Applier
    from modelyard.control.status import ModelStatus
    from modelyard.telemetry.metrics.traffic import Traffic

POLL_S = 0.5


@contextmanager
def attached(config_dir: Path, *, starting: bool) -> Iterator[tuple["Applier", DesiredState]]:
    """Read the files, connect, and disconnect at the end. Raises SpecError, and ConnectionError if no server runs.

    `starting` starts Serve in a cluster where it does not run.
    """
    desired = ConfigReader(config_dir, os.environ).read_settled()
    server = desired.config.server
    paths = paths_of(desired.config)
    local = server.ray.address == "local"
    if local and not paths.running.exists():
        raise ConnectionError(f"no server of {config_dir} runs here; start it with `modelyard up`")
    where = _running(paths) if local else _cluster(server)
    if local:
        os.environ.update(attach_environment(paths))
    else:
        prepare_for_cluster(server)
    # Ray reads the environment when it is imported, so only now.
    from modelyard.control.apply import Applier  # noqa: PLC0415
    from modelyard.control.client import attach, detach  # noqa: PLC0415
    from modelyard.control.last_good import LastGood  # noqa: PLC0415
    from modelyard.control.probe import ServerUrls  # noqa: PLC0415
    from modelyard.control.rollback import Rollback  # noqa: PLC0415

    client = attach(where["address"], frontend=server.http if starting and not local else None)
    try:
        last = LastGood.read(paths.last_good)
        front, server_then = ServerUrls(where["inside"], where["outside"]), last.config.server if last.config else None
        yield Applier(client, Rollback(good=dict(last.applications)), front, server=server_then), desired
    finally:
        detach()


def prepare_for_cluster(server: ServerSpec) -> None:
    """Set the environment for the cluster's Ray, which reads it when it is imported. Raises ConnectionError."""
    check_listening(server.ray.address)
    os.environ.update(cluster_environment(os.environ, Path.home()))


def _running(paths: ServerPaths) -> dict[str, str]:
    try:
        return dict(json.loads(paths.running.read_text()))
    except (OSError, ValueError, TypeError) as error:  # deleted meanwhile, or incomplete after a power failure
        raise ConnectionError(f"cannot read {paths.running}: {error}") from error


def _cluster(server: ServerSpec) -> dict[str, str]:
    return {"address": server.ray.address, "inside": server.local_url, "outside": server.local_url}


def traffic() -> "dict[str, Traffic]":
    """The traffic of the last minute by model, from the metrics hub; empty if the hub does not respond."""
    from modelyard.ray_serve.hub import HubClient  # noqa: PLC0415

    try:
        return HubClient().traffic()
    except Exception:  # noqa: BLE001 - Ray raises many kinds of error if it is down; the rest of the status is still shown
        return {}


def wait_settled(applier: "Applier", timeout_s: float) -> "tuple[ModelStatus, ...]":
    """Wait until no change is under way, or the time is over. Models that failed are rolled back."""
    from modelyard.control.apply import settled  # noqa: PLC0415

    deadline = time.monotonic() + timeout_s
    while True:
        running, _ = applier.check()
        statuses = applier.statuses(running)
        if settled(statuses) or time.monotonic() > deadline:
            return statuses
        time.sleep(POLL_S)

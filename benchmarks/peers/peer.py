"""A server that is measured: how it is started, and which requests it has routes for."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.peers.cells import Cell, Kind
from benchmarks.peers.forms import Form, request
from benchmarks.peers.models import Served
from benchmarks.subjects import Subject, Target

STOP_TIMEOUT_S = 10
"""Without requests. MLServer sometimes does not stop at all."""


@dataclass(frozen=True, slots=True)
class Start:
    """What a server is started with."""

    bin: Path
    """Of its environment."""
    folder: Path
    """Empty, for its configuration."""
    port: int
    grpc_port: int
    model: Served

    def subject(self, *command: str | Path, environment: Mapping[str, str] | None = None) -> Subject:
        """A server with the programs of its environment, and the path of the model in MODEL."""
        found = {"PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}", "MODEL": str(self.model.artefact)}
        return Subject(
            tuple(map(str, command)), environment={**found, **(environment or {})}, stop_timeout_s=STOP_TIMEOUT_S
        )


@dataclass(frozen=True, slots=True)
class Route:
    """Where a kind of request is sent, and its form. The path may contain {model}."""

    path: str
    form: Form


@dataclass(frozen=True, slots=True)
class Peer:
    """A server."""

    name: str
    title: str
    configuration: str
    """For the report."""
    environment: str | None
    """The name of its lock; None for the environment of modelyard."""
    start: Callable[[Start], Subject]
    routes: Mapping[Kind, Route]
    models: frozenset[str] | None = None
    """Those that it can serve; None for all."""

    def supports(self, cell: Cell) -> bool:
        """Whether it has the cell's kind of request and its model."""
        return cell.kind in self.routes and (self.models is None or cell.model in self.models)

    def subject(self, start: Start, cells: Sequence[Cell]) -> Subject:
        """The server, with a target for each cell."""
        targets = []
        for cell in cells:
            route = self.routes[cell.kind]
            instances = cell.instances(start.model)
            body = start.folder / f"{cell.name}.body"
            sent = request(route.form, start.model, instances, body)
            port = start.grpc_port if sent.grpc else start.port
            url = f"http://127.0.0.1:{port}{route.path.format(model=start.model.name)}"
            targets.append(Target(cell.name, url, sent, (cell.connections,)))
        return replace(self.start(start), targets=tuple(targets))

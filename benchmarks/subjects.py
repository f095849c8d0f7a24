"""What is measured: each subject's program, configuration and address.

Everything of a subject lies in its own folder, and it listens on its own port, so that it neither meets a server that
runs here already nor leaves anything in the checkout.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deployments.control.ports import free_ports

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
MODEL_URL = "http://127.0.0.1:{port}/models/iris/predict"


@dataclass(frozen=True, slots=True)
class Artefacts:
    """The iris model in three forms, each in a model repository of its own."""

    onnx: Path
    sklearn: Path
    own_predict: Path
    """The pipeline behind a class that calls its own `predict_proba`."""

    @property
    def onnx_file(self) -> Path:
        return self.onnx / "iris" / "1" / "model.onnx"


@dataclass(frozen=True, slots=True)
class Subject:
    """A server ready to be started."""

    command: tuple[str, ...]
    url: str
    """Takes POST with a row of iris."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Besides what every subject gets."""
    root_is_replica: bool = False
    """Whether the started process runs the model itself."""


Prepare = Callable[[Path, int, Artefacts], Subject]
"""Writes the subject's configuration into an empty folder, for a port."""


def modelyard_onnx(folder: Path, port: int, artefacts: Artefacts) -> Subject:
    return modelyard(folder, port, artefacts.onnx, {"iris.yaml": "name: iris\n"})


def modelyard_sklearn(folder: Path, port: int, artefacts: Artefacts) -> Subject:
    return modelyard(folder, port, artefacts.sklearn, {"iris.yaml": "name: iris\n"})


def modelyard_unbatched(folder: Path, port: int, artefacts: Artefacts) -> Subject:
    return modelyard(folder, port, artefacts.sklearn, {"iris.yaml": "name: iris\nbatching: {max_size: 1}\n"})


def own_predict(folder: Path, port: int, artefacts: Artefacts) -> Subject:
    text = "name: iris\nruntime: python:own_predict:Pipeline\ntrusted: true\nbatching: {max_size: 1}\n"
    return modelyard(folder, port, artefacts.own_predict, {"iris.yaml": text})


def modelyard(folder: Path, port: int, repository: Path, models: Mapping[str, str]) -> Subject:
    """Our server over a repository, with these model files."""
    config = folder / "serve_config"
    (config / "models").mkdir(parents=True)
    for name, text in models.items():
        (config / "models" / name).write_text(text)
    grpc, metrics, edge, ray = free_ports(4)
    # JSON is YAML, and quotes what needs quotes
    (config / "server.yaml").write_text(
        f"http: {{port: {port}}}\n"
        f"grpc: {{port: {grpc}}}\n"
        f"metrics: {{port: {metrics}, edge_port: {edge}, ray_port: {ray}}}\n"
        f"repository: {{path: {json.dumps(str(repository))}}}\n"
        f"state: {json.dumps(str(folder / 'state'))}\n"
    )
    return Subject(
        command=(str(BIN / "modelyard"), "up", "--config", str(config)),
        url=MODEL_URL.format(port=port),
    )


def plain_uvicorn(folder: Path, port: int, artefacts: Artefacts) -> Subject:
    app = "benchmarks.rivals.plain_uvicorn:app"
    server = (sys.executable, "-m", "uvicorn", app, "--port", str(port), "--loop", "uvloop", "--http", "httptools")
    return Subject(
        command=(*server, "--lifespan", "off", "--no-access-log"),
        url=MODEL_URL.format(port=port),
        environment={"IRIS_ONNX": str(artefacts.onnx_file)},
        root_is_replica=True,
    )


def documented_serve(folder: Path, port: int, artefacts: Artefacts) -> Subject:
    config = folder / "serve.yaml"
    application = {
        "name": "iris",
        "route_prefix": "/models/iris/predict",
        "import_path": "benchmarks.rivals.documented_serve:app",
        "args": {"model": str(artefacts.onnx_file)},
    }
    config.write_text(json.dumps({"http_options": {"port": port}, "applications": [application]}))
    return Subject(
        command=(str(BIN / "serve"), "run", "--address", "local", str(config)),
        url=MODEL_URL.format(port=port),
        environment={"RAY_TMPDIR": str(folder)},
    )


SUBJECTS: Mapping[str, Prepare] = {
    "modelyard": modelyard_onnx,
    "uvicorn": plain_uvicorn,
    "ray-serve": documented_serve,
    "sklearn": modelyard_sklearn,
    "sklearn-unbatched": modelyard_unbatched,
    "sklearn-own-predict": own_predict,
}


def environment(subject: Subject) -> dict[str, str]:
    """This shell's variables without Ray's, which would make one subject of another; and no telemetry."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return {**inherited, "PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0", **subject.environment}

"""The subjects: the program, configuration and address of each measured server.

Each subject has its own folder and port, so that it does not conflict with a running server and leaves no files in the checkout.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.load import Request
from benchmarks.request_bodies import Requests
from modelyard.control.ports import free_ports

CHANNELS = 4
"""Connections of gRPC clients, which share them among their calls. The number of calls in flight is the same as for HTTP."""
STOP_TIMEOUT_S = 90  # modelyard drains for up to 75 s
ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


@dataclass(frozen=True, slots=True)
class Artefacts:
    """The models, each form in its own model repository, and the requests for them."""

    onnx: Path
    """iris"""
    sklearn: Path
    """iris"""
    own_predict: Path
    """iris: the pipeline in a custom class that calls `predict_proba`."""
    tensor: Path
    """tensor: the maximum of a row of many numbers, as ONNX."""
    requests: Requests

    @property
    def onnx_file(self) -> Path:
        return self.onnx / "iris" / "1" / "model.onnx"


@dataclass(frozen=True, slots=True)
class Target:
    """One kind of request to a subject."""

    name: str
    """In the report."""
    url: str
    request: Request
    connections: tuple[int, ...] = (64,)
    """One load for each number of connections, with one request at a time per connection. For gRPC, 64 calls share them."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A server that can be started."""

    command: tuple[str, ...]
    targets: tuple[Target, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    """In addition to the variables of every subject."""
    root_is_replica: bool = False
    """Whether the first process runs the model."""
    stop_timeout_s: float = STOP_TIMEOUT_S
    """After SIGTERM; then it is killed."""


Prepare = Callable[[Path, int, Artefacts], Subject]
"""Writes the subject's configuration for a port into an empty folder."""


def row(name: str, port: int, artefacts: Artefacts, *connections: int) -> Target:
    """One iris row as JSON."""
    return Target(name, f"http://127.0.0.1:{port}/models/iris/predict", artefacts.requests.row, connections or (64,))


def call(name: str, port: int, artefacts: Artefacts) -> Target:
    """One iris row over gRPC: on a few shared connections, as with gRPC clients, and with one connection per call."""
    method = "inference.GRPCInferenceService/ModelInfer"
    return Target(name, f"http://127.0.0.1:{port}/{method}", artefacts.requests.call, (CHANNELS, 64))


def modelyard_onnx(folder: Path, port: int, artefacts: Artefacts) -> Subject:
    (grpc,) = free_ports(1)
    targets = (row("modelyard", port, artefacts, 1, 64), call("modelyard-grpc", grpc, artefacts))
    return modelyard(folder, port, artefacts.onnx, {"iris.yaml": "name: iris\n"}, targets, grpc=grpc)


def modelyard_tensors(folder: Path, port: int, artefacts: Artefacts) -> Subject:
    url, requests = f"http://127.0.0.1:{port}/v2/models/tensor/infer", artefacts.requests
    targets = (
        Target("tensor-binary", url, requests.tensor_binary),
        Target("tensor-json", url, requests.tensor_json),
    )
    return modelyard(folder, port, artefacts.tensor, {"tensor.yaml": "name: tensor\n"}, targets)


def modelyard_sklearn(folder: Path, port: int, artefacts: Artefacts) -> Subject:
    targets = (row("sklearn", port, artefacts),)
    return modelyard(folder, port, artefacts.sklearn, {"iris.yaml": "name: iris\n"}, targets)


def modelyard_unbatched(folder: Path, port: int, artefacts: Artefacts) -> Subject:
    text = "name: iris\nbatching: {max_size: 1}\n"
    targets = (row("sklearn-unbatched", port, artefacts),)
    return modelyard(folder, port, artefacts.sklearn, {"iris.yaml": text}, targets)


def own_predict(folder: Path, port: int, artefacts: Artefacts) -> Subject:
    text = "name: iris\nruntime: python:own_predict:Pipeline\ntrusted: true\nbatching: {max_size: 1}\n"
    targets = (row("sklearn-own-predict", port, artefacts),)
    return modelyard(folder, port, artefacts.own_predict, {"iris.yaml": text}, targets)


def modelyard(
    folder: Path,
    port: int,
    repository: Path,
    models: Mapping[str, str],
    targets: tuple[Target, ...] = (),
    *,
    grpc: int | None = None,
) -> Subject:
    """modelyard with this repository and these model files."""
    config = folder / "serve_config"
    (config / "models").mkdir(parents=True)
    for name, text in models.items():
        (config / "models" / name).write_text(text)
    spare, metrics, edge, ray = free_ports(4)
    # JSON strings are valid YAML
    (config / "server.yaml").write_text(
        f"http: {{port: {port}}}\n"
        f"grpc: {{port: {grpc or spare}}}\n"
        f"metrics: {{port: {metrics}, edge_port: {edge}, ray_port: {ray}}}\n"
        f"repository: {{path: {json.dumps(str(repository))}}}\n"
        f"state: {json.dumps(str(folder / 'state'))}\n"
    )
    return Subject((str(BIN / "modelyard"), "up", "--config", str(config)), targets)


def plain_uvicorn(folder: Path, port: int, artefacts: Artefacts) -> Subject:
    app = "benchmarks.rivals.plain_uvicorn:app"
    server = (sys.executable, "-m", "uvicorn", app, "--port", str(port), "--loop", "uvloop", "--http", "httptools")
    return Subject(
        command=(*server, "--lifespan", "off", "--no-access-log"),
        targets=(row("uvicorn", port, artefacts, 1, 64),),
        environment={"MODEL": str(artefacts.onnx_file)},
        root_is_replica=True,
    )


def grpc_aio(folder: Path, port: int, artefacts: Artefacts) -> Subject:
    return Subject(
        command=(sys.executable, "-m", "benchmarks.rivals.grpc_aio", str(port)),
        targets=(call("grpc-aio", port, artefacts),),
        environment={"MODEL": str(artefacts.onnx_file)},
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
        targets=(row("ray-serve", port, artefacts, 1, 64),),
        environment={"RAY_TMPDIR": str(folder)},
    )


SUBJECTS: Mapping[str, Prepare] = {
    "modelyard": modelyard_onnx,
    "uvicorn": plain_uvicorn,
    "ray-serve": documented_serve,
    "grpc-aio": grpc_aio,
    "tensors": modelyard_tensors,
    "sklearn": modelyard_sklearn,
    "sklearn-unbatched": modelyard_unbatched,
    "sklearn-own-predict": own_predict,
}


def environment(subject: Subject) -> dict[str, str]:
    """The variables of this shell without Ray's, which could change a subject. Ray's usage statistics are off."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return {
        **inherited,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'deployments'}",
        "RAY_USAGE_STATS_ENABLED": "0",
        **subject.environment,
    }

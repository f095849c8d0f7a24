"""Starts each server in the configuration that its documentation advises for two cores."""

import json
import subprocess
from pathlib import Path

from benchmarks.peers.peer import Start
from benchmarks.subject_process import SubjectError
from benchmarks.subjects import ROOT, Subject, modelyard
from modelyard.control.ports import free_ports

APPS = "benchmarks.rivals"
PROCESSES = "2"
BATCH = 64


def ours(start: Start) -> Subject:
    return _ours(start, "")


def ours_twice(start: Start) -> Subject:
    return _ours(start, "replicas: 2\n")


def _ours(start: Start, replicas: str) -> Subject:
    trusted = "trusted: true\n" if start.model.artefact.suffix == ".joblib" else ""
    name = start.model.name
    models = {f"{name}.yaml": f"name: {name}\n{trusted}{replicas}"}
    return modelyard(start.folder, start.port, start.model.repository, models, grpc=start.grpc_port)


def uvicorn(start: Start, app: str, *options: str) -> Subject:
    command = (start.bin / "uvicorn", f"{APPS}.{app}:app", "--port", str(start.port), "--workers", PROCESSES)
    return start.subject(*command, "--no-access-log", *options)


def plain_uvicorn(start: Start) -> Subject:
    return uvicorn(start, "plain_uvicorn", "--loop", "uvloop", "--http", "httptools", "--lifespan", "off")


def fastapi(start: Start) -> Subject:
    return uvicorn(start, "fastapi_app")


def ray_serve(start: Start) -> Subject:
    config = start.folder / "serve.yaml"
    arguments = {"model": str(start.model.artefact), "replicas": PROCESSES}
    application = {"name": "app", "import_path": f"{APPS}.documented_serve:app", "args": arguments}
    config.write_text(json.dumps({"http_options": {"port": start.port}, "applications": [application]}))
    command = (start.bin / "serve", "run", "--address", "local", config)
    return start.subject(*command, environment={"RAY_TMPDIR": str(start.folder)})


def mlserver(start: Start) -> Subject:
    (metrics,) = free_ports(1)
    ports = {"http_port": start.port, "grpc_port": start.grpc_port, "metrics_port": metrics}
    settings = {"debug": False, "parallel_workers": int(PROCESSES), "host": "127.0.0.1", **ports}
    (start.folder / "settings.json").write_text(json.dumps(settings))
    onnx = start.model.artefact.suffix == ".onnx"
    model = {
        "name": start.model.name,
        "implementation": f"{APPS}.mlserver_onnx.OnnxModel" if onnx else "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": str(start.model.artefact)},
    }
    (start.folder / "model-settings.json").write_text(json.dumps(model))
    return start.subject(start.bin / "mlserver", "start", start.folder)


def bentoml(start: Start) -> Subject:
    command = (start.bin / "bentoml", "serve", f"{APPS}.bentoml_app:Predictor", "--host", "127.0.0.1")
    environment = {"BENTOML_HOME": str(start.folder), "BENTOML_DO_NOT_TRACK": "True"}
    return start.subject(*command, "--port", str(start.port), environment=environment)


def litserve(start: Start) -> Subject:
    return start.subject(start.bin / "python", "-m", f"{APPS}.litserve_app", str(start.port))


def mosec(start: Start, batch: int = 1) -> Subject:
    command = (start.bin / "python", "-m", f"{APPS}.mosec_app", "--address", "127.0.0.1", "--port", str(start.port))
    return start.subject(*command, environment={"BATCH": str(batch)})


def mosec_batching(start: Start) -> Subject:
    return mosec(start, BATCH)


def kserve(start: Start) -> Subject:
    command = (start.bin / "python", "-m", f"{APPS}.kserve_app", "--model_name", start.model.name)
    ports = ("--http_port", str(start.port), "--grpc_port", str(start.grpc_port))
    return start.subject(*command, *ports, "--workers", PROCESSES, "--enable_latency_logging", "false")


def mlflow(start: Start) -> Subject:
    saved = start.model.repository.with_name("mlflow") / start.model.name
    if not saved.exists():
        save_for_mlflow(start, saved)
    command = (start.bin / "mlflow", "models", "serve", "--model-uri", saved, "--env-manager", "local")
    return start.subject(*command, "--port", str(start.port), "--workers", PROCESSES)


def save_for_mlflow(start: Start, folder: Path) -> None:
    """Write the model in MLflow's format. Raises SubjectError."""
    command = [str(start.bin / "python"), "-m", f"{APPS}.mlflow_model", str(start.model.artefact), str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SubjectError(f"the model cannot be saved: {done.stderr}")


def grpc_aio(start: Start) -> Subject:
    return start.subject(start.bin / "python", "-m", f"{APPS}.grpc_aio", str(start.grpc_port), PROCESSES)

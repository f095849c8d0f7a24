"""The document of `GET /models/<name>`."""

import shlex
from typing import Any

import orjson

from modelyard.config.model_spec import ModelSpec
from modelyard.protocols.loaded_version import LoadedVersion
from modelyard.protocols.versions import Versions
from modelyard.tensors import TensorSpec


def describe(
    spec: ModelSpec,
    runtime: str,
    version: LoadedVersion,
    all_: Versions,
    *,
    origin: str,
) -> bytes:
    """The JSON for one version. `origin` is the scheme, host and port that the client used."""
    signature = version.model.signature
    document: dict[str, Any] = {
        "name": spec.name,
        "description": spec.description,
        "state": "READY",
        "version": str(version.served.number),
        "digest": version.served.digest,
        "runtime": runtime,
        "task": signature.task,
        "inputs": [_tensor(tensor) for tensor in signature.inputs],
        "outputs": [_tensor(tensor) for tensor in signature.outputs],
        "classes": list(signature.classes),
        "batching": {"batched": version.warmup.batchable, "reason": version.warmup.reason},
        "notes": list(version.model.notes),
        "versions": [
            {"version": str(number), "digest": each.loaded.served.digest, "state": "READY"} for number, each in all_
        ],
        "default_version": str(all_.default.loaded.served.number),
        "version_labels": {label: str(number) for label, number in all_.labels.items()},
        "example": orjson.loads(version.example),
        "curl": curl_command(f"{origin}{spec.url_path}/predict", version.example),
    }
    return orjson.dumps(document)


def curl_command(url: str, body: bytes) -> str:
    """A curl command that works when pasted into a shell."""
    text = orjson.dumps(orjson.loads(body)).decode()
    return f"curl -s {shlex.quote(url)} -H 'content-type: application/json' -d {shlex.quote(text)}"


def _tensor(tensor: TensorSpec) -> dict[str, Any]:
    document: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
    if tensor.columns:
        document["columns"] = list(tensor.columns)
    if tensor.optional:
        document["optional"] = True
    return document

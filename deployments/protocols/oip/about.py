"""What a model says of itself: its metadata, and its configuration in Triton's words. Pure.

Sources: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol and
https://github.com/triton-inference-server/common/blob/main/protobuf/model_config.proto
"""

from collections.abc import Mapping, Sequence
from typing import Any

from deployments.protocols.layout import row_shape
from deployments.spec.model import ModelSpec
from deployments.tensors import Signature, TensorSpec

PLATFORMS: Mapping[str, tuple[str, str]] = {
    "onnx": ("onnxruntime_onnx", "onnxruntime"),
    "sklearn": ("sklearn", "sklearn"),
    "python": ("python", "python"),
}
"""Triton's platform and backend by runtime; sklearn is nobody's but ours."""
DATA_TYPES: Mapping[str, str] = {"BYTES": "TYPE_STRING"}
"""A datatype's name in a configuration, where it is not `TYPE_` and the same."""


def model_metadata(name: str, runtime: str, versions: Sequence[int], signature: Signature) -> dict[str, Any]:
    """The metadata of a model; an axis of any length is -1."""
    platform, _ = _platform(runtime)
    return {
        "name": name,
        "versions": [str(version) for version in sorted(versions)],
        "platform": platform,
        "inputs": [_tensor(spec) for spec in signature.inputs],
        "outputs": [_tensor(spec) for spec in signature.outputs],
    }


def model_config(
    spec: ModelSpec, runtime: str, signature: Signature, *, batched: bool, decoupled: bool = False
) -> dict[str, Any]:
    """The configuration of a model, as JSON has Triton's message. `batched` says whether requests share calls, `decoupled` whether
    answers may come in parts.

    Where they do, `dims` are those of one row, and `max_batch_size` is the most rows of a call; a request may have more.
    """
    platform, backend = _platform(runtime)
    config: dict[str, Any] = {
        "name": spec.name,
        "platform": platform,
        "backend": backend,
        "version_policy": _version_policy(spec),
        "max_batch_size": spec.batching.max_size if batched else 0,
        "input": [_configured(each, batched) for each in signature.inputs],
        "output": [_configured(each, batched) for each in signature.outputs],
        "instance_group": [{"name": spec.name, "kind": "KIND_CPU", "count": 1}],
        "model_transaction_policy": {"decoupled": decoupled},
    }
    if batched:
        config["dynamic_batching"] = {"max_queue_delay_microseconds": round(spec.batching.max_delay_ms * 1000)}
    return config


def _platform(runtime: str) -> tuple[str, str]:
    return PLATFORMS[runtime.partition(":")[0]]


def _shape(spec: TensorSpec) -> list[int]:
    return [*spec.shape[:1], *row_shape(spec)]


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": _shape(spec)}


def _configured(spec: TensorSpec, batched: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": spec.name,
        "data_type": DATA_TYPES.get(spec.datatype, f"TYPE_{spec.datatype}"),
        "dims": _shape(spec)[1:] if batched else _shape(spec),
    }
    if spec.optional:
        told["optional"] = True
    return told


def _version_policy(spec: ModelSpec) -> dict[str, Any]:
    versions = spec.versions
    if versions == "all":
        return {"all": {}}
    if isinstance(versions, list):
        return {"specific": {"versions": versions}}
    return {"latest": {"num_versions": 1 if versions == "latest" else versions.latest}}

"""A model's metadata, and its configuration in the form of Triton's.

Sources: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol and
https://github.com/triton-inference-server/common/blob/main/protobuf/model_config.proto
"""

from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.config.model_spec import ModelSpec
from modelyard.protocols.running_version import RunningVersion
from modelyard.protocols.served_model import ServedModel
from modelyard.protocols.values.row_layout import row_shape
from modelyard.runtimes.registry import RUNTIMES, RuntimeRow
from modelyard.tensors import DTYPES, Signature, TensorSpec

DATA_TYPES: Mapping[str, str] = {"BYTES": "TYPE_STRING"}
"""Names of datatypes in a configuration that are not `TYPE_` and the datatype."""
CHANNELS = (1, 3, 4)
"""Channels of an image: grey, RGB, and RGB with alpha."""


def metadata_of(model: ServedModel, version: RunningVersion) -> dict[str, Any]:
    """The metadata of one version of a model."""
    loaded = version.loaded
    return model_metadata(
        model.spec.name,
        model.runtime,
        model.versions.numbers,
        loaded.model.signature,
        batched=loaded.warmup.batchable,
    )


def config_of(model: ServedModel, version: RunningVersion) -> dict[str, Any]:
    """The configuration of one version of a model."""
    loaded = version.loaded
    return model_config(
        model.spec,
        model.runtime,
        loaded.model.signature,
        batched=loaded.warmup.batchable,
        decoupled=version.scheduler.generations is not None,
    )


def model_metadata(
    name: str, runtime: str, versions: Sequence[int], signature: Signature, *, batched: bool
) -> dict[str, Any]:
    """The metadata of a model. An axis of any length is -1. `batched` says whether requests share batches.

    If they do, every input has an axis after the rows, even if a row is a single value: clients build the shape of an input from
    the number of rows and the axes after the first. Requests may omit that axis.
    """
    return {
        "name": name,
        "versions": [str(version) for version in sorted(versions)],
        "platform": _row(runtime).platform,
        "inputs": [_tensor(spec, _requested(spec, batched)) for spec in signature.inputs],
        "outputs": [_tensor(spec, _shape(spec)) for spec in signature.outputs],
    }


def model_config(
    spec: ModelSpec, runtime: str, signature: Signature, *, batched: bool, decoupled: bool = False
) -> dict[str, Any]:
    """The configuration of a model: Triton's message as JSON.

    `batched` says whether requests share batches, `decoupled` whether responses may have several parts. If `batched`, `dims` is the
    shape of one row and `max_batch_size` the maximum rows of a batch; a request may have more. A row that is a single value
    has the dims [1] and an empty `reshape`, since Triton requires at least one axis.
    """
    row = _row(runtime)
    config: dict[str, Any] = {
        "name": spec.name,
        "platform": row.platform,
        "backend": row.backend,
        "version_policy": _version_policy(spec),
        "max_batch_size": spec.batching.max_size if batched else 0,
        "input": [_configured_input(each, batched) for each in signature.inputs],
        "output": [_configured(each, batched) for each in signature.outputs],
        "instance_group": [{"name": spec.name, "kind": "KIND_CPU", "count": 1}],
        "model_transaction_policy": {"decoupled": decoupled},
    }
    if batched:
        config["dynamic_batching"] = {"max_queue_delay_microseconds": round(spec.batching.max_delay_ms * 1000)}
    return config


def _row(runtime: str) -> RuntimeRow:
    return RUNTIMES[runtime.partition(":")[0]]


def _shape(spec: TensorSpec) -> list[int]:
    return [*spec.shape[:1], *row_shape(spec)]


def _requested(spec: TensorSpec, batched: bool) -> list[int]:
    """The shape of an input in a request."""
    shape = _shape(spec)
    return [*shape, 1] if batched and len(shape) == 1 else shape


def _tensor(spec: TensorSpec, shape: list[int]) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": shape}


def _configured(spec: TensorSpec, batched: bool) -> dict[str, Any]:
    shape = _shape(spec)
    described: dict[str, Any] = {
        "name": spec.name,
        "data_type": DATA_TYPES.get(spec.datatype, f"TYPE_{spec.datatype}"),
        "dims": shape[1:] if batched else shape,
    }
    if not described["dims"]:
        described |= {"dims": [1], "reshape": {"shape": []}}
    return described


def _configured_input(spec: TensorSpec, batched: bool) -> dict[str, Any]:
    described = _configured(spec, batched)
    described["format"] = _image_format(described["dims"]) if DTYPES[spec.datatype].kind in "iuf" else "FORMAT_NONE"
    if spec.optional:
        described["optional"] = True
    return described


def _image_format(dims: Sequence[int]) -> str:
    """The position of an image's channels. FORMAT_NONE if the shape is ambiguous or not that of an image."""
    if len(dims) != 3 or (dims[0] in CHANNELS) == (dims[2] in CHANNELS):
        return "FORMAT_NONE"
    return "FORMAT_NCHW" if dims[0] in CHANNELS else "FORMAT_NHWC"


def _version_policy(spec: ModelSpec) -> dict[str, Any]:
    versions = spec.versions
    if versions == "all":
        return {"all": {}}
    if isinstance(versions, list):
        return {"specific": {"versions": versions}}
    return {"latest": {"num_versions": 1 if versions == "latest" else versions.latest}}

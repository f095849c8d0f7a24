"""A model's status and metadata in the form of TensorFlow Serving, and its status in that of KServe's V1 protocol.

Source: https://www.tensorflow.org/tfx/serving/api_rest; the names of the types are those of TensorFlow's types.proto.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from modelyard.protocols.tensorflow.codec import SIGNATURE_NAME
from modelyard.protocols.values.row_layout import row_shape
from modelyard.tensors import Signature, TensorSpec

TYPES: Mapping[str, str] = {
    "BOOL": "DT_BOOL",
    "INT8": "DT_INT8",
    "INT16": "DT_INT16",
    "INT32": "DT_INT32",
    "INT64": "DT_INT64",
    "UINT8": "DT_UINT8",
    "UINT16": "DT_UINT16",
    "UINT32": "DT_UINT32",
    "UINT64": "DT_UINT64",
    "FP16": "DT_HALF",
    "FP32": "DT_FLOAT",
    "FP64": "DT_DOUBLE",
    "BYTES": "DT_STRING",
}


def status(name: str, versions: Iterable[int]) -> dict[str, Any]:
    """The served versions, newest first. KServe's clients read `name` and `ready` on the same path."""
    ok = {"error_code": "OK", "error_message": ""}
    return {
        "name": name,
        "ready": True,
        "model_version_status": [{"version": str(version), "state": "AVAILABLE", "status": ok} for version in versions],
    }


def metadata(name: str, version: int, signature: Signature) -> dict[str, Any]:
    """One version's inputs and outputs."""
    definition = {
        "inputs": {spec.name: _tensor(spec) for spec in signature.inputs},
        "outputs": {spec.name: _tensor(spec) for spec in signature.outputs},
        "method_name": "tensorflow/serving/predict",
    }
    return {
        "model_spec": {"name": name, "signature_name": "", "version": str(version)},
        "metadata": {"signature_def": {"signature_def": {SIGNATURE_NAME: definition}}},
    }


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    shape = [*spec.shape[:1], *row_shape(spec)]
    return {
        "dtype": TYPES[spec.datatype],
        "tensor_shape": {"dim": [{"size": str(axis), "name": ""} for axis in shape], "unknown_rank": False},
        "name": spec.name,
    }

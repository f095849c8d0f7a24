"""An onnxruntime session from bytes: threads by the replica's share, external data from memory, errors in plain words."""

import math
from collections.abc import Iterator
from typing import Any

import onnxruntime

from deployments.runtimes.base import Files, LoadError

MODEL_FILE = "model.onnx"
NOT_WEIGHTS = frozenset((MODEL_FILE, "example.json"))
ERRORS_ONLY = 3
"""onnxruntime's log severity: warnings about a graph are for its author."""


def open_session(files: Files, cpus: float) -> onnxruntime.InferenceSession:
    """The session of `model.onnx`. Raises LoadError with onnxruntime's reason."""
    options = onnxruntime.SessionOptions()
    # As many threads as the replica has reserved, and none that spin while they wait: replicas share the cores.
    options.intra_op_num_threads = math.ceil(cpus)
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = ERRORS_ONLY
    model = files[MODEL_FILE]
    weights = {name: content for name, content in files.items() if name not in NOT_WEIGHTS}
    if weights:
        named = sorted(set(_external_files(model)))
        for name in named:
            if name not in weights:
                raise LoadError(f"{MODEL_FILE} keeps weights in {name!r}, which is not in its version directory")
        contents = [weights[name] for name in named]
        options.add_external_initializers_from_files_in_memory(named, contents, [len(each) for each in contents])
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise LoadError(f"{MODEL_FILE} cannot be loaded: {reason(error)}") from error


def reason(error: Exception) -> str:
    """What onnxruntime says, without its error codes and places in its source."""
    text = str(error).rsplit("[ONNXRuntimeError] : ", 1)[-1]
    return text.split(" : ", 2)[-1].strip().splitlines()[0]


def _external_files(model: bytes) -> Iterator[str]:
    """The files in which the model's tensors are, as it names them; subgraphs' too."""
    import onnx  # noqa: PLC0415 - 30 MB that only a model with files of its own needs

    try:
        proto = onnx.load_model_from_string(model)
    except Exception as error:
        raise LoadError(f"{MODEL_FILE} is not an ONNX model") from error
    yield from _locations(proto.graph, onnx.TensorProto.EXTERNAL)


def _locations(graph: Any, external: int) -> Iterator[str]:
    tensors = list(graph.initializer)
    for node in graph.node:
        for attribute in node.attribute:
            tensors += [attribute.t, *attribute.tensors]
            for subgraph in (attribute.g, *attribute.graphs):
                if subgraph.node:
                    yield from _locations(subgraph, external)
    for tensor in tensors:
        if tensor.data_location == external:
            yield from (entry.value for entry in tensor.external_data if entry.key == "location")

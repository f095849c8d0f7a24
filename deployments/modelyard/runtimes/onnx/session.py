"""Opens an onnxruntime session from bytes: threads by the replica's CPUs, external data from memory, readable errors."""

import math
import posixpath
import re
from pathlib import PurePosixPath

import onnxruntime

from modelyard.runtimes.base import Files, LoadError
from modelyard.runtimes.examples import EXAMPLE_FILE
from modelyard.runtimes.onnx.external_data import external_weights
from modelyard.runtimes.process import PROCESS

MODEL_FILE = "model.onnx"
NOT_WEIGHT_FILES = frozenset((MODEL_FILE, EXAMPLE_FILE))
FATAL_ONLY = 4
"""onnxruntime's log severity. Errors are also raised, and warnings about a graph are for its author."""
MAX_REASON_LENGTH = 300
"""In characters: onnxruntime quotes whole nodes."""
EXTERNAL_LOCATION_KEY = b"location"
"""The protobuf key of every tensor in another file. A model without these bytes has none, and need not be parsed for them."""

_CODE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (?:Exception during initialization: )?")
_NODE = re.compile(r"^Non-zero status code returned while running (\w+) node\. Name:'.*?' Status Message: ")
_PLACE = re.compile(
    r"(?<!\S)\S+\.(?:cc|h):\d+ (?:[^(]*::\S+\(.*?\)(?:::<lambda\(.*?\)>)? (?:const )?(?:\[.*?\] )?|\w+ )(?:.*? was false\. (?=\S))?"
)
_ADVICE = " Please fix either the inputs/outputs or the model."


def open_session(files: Files, cpus: float) -> onnxruntime.InferenceSession:
    """The session of `model.onnx`. Raises LoadError with onnxruntime's reason."""
    options = onnxruntime.SessionOptions()
    # As many threads as the replica reserves CPUs. They do not spin while they wait, because replicas share the cores.
    options.intra_op_num_threads = math.ceil(cpus)
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The arena reserves 1 MB for each session, and keeps the memory of the largest request.
    options.enable_cpu_mem_arena = not PROCESS.holds_many_models
    options.log_severity_level = FATAL_ONLY
    model, weights = _model_and_weights(files)
    if weights:
        sizes = [len(content) for content in weights.values()]
        options.add_external_initializers_from_files_in_memory(list(weights), list(weights.values()), sizes)
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise LoadError(f"{MODEL_FILE} cannot be loaded: {reason(error)}") from error


def reason(error: Exception) -> str:
    """onnxruntime's message on one line, without its error code and source location."""
    text = _NODE.sub(r"\1: ", _CODE.sub("", " ".join(str(error).split())))
    text = _PLACE.sub("", text).removesuffix(_ADVICE)
    return text if len(text) <= MAX_REASON_LENGTH else text[: MAX_REASON_LENGTH - 3] + "..."


def _model_and_weights(files: Files) -> tuple[bytes, dict[str, bytes]]:
    """The model, and the contents of its weight files, by their names as the model spells them.

    All of them come from `files`: onnxruntime reads none from the disk.
    """
    model = files[MODEL_FILE]
    if EXTERNAL_LOCATION_KEY not in model:
        return model, {}

    def content_of(name: str) -> bytes:
        file = posixpath.normpath(name)
        if file in NOT_WEIGHT_FILES or file not in files:
            raise LoadError(f"{MODEL_FILE} stores tensors in {name!r}, which is not a file of its version directory")
        return files[file]

    model, names = external_weights(model, content_of)
    # onnxruntime treats "./w" and "w" as the same name, and accepts no name twice.
    return model, {str(PurePosixPath(name)): content_of(name) for name in names}

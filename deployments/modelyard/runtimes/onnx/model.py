"""The onnx runtime: any ONNX model that onnxruntime runs on a CPU."""

from collections.abc import Sequence

import numpy as np
import onnxruntime

from modelyard.config.model_spec import ModelSpec
from modelyard.errors import InvalidRequest
from modelyard.runtimes.base import Files, LoadError
from modelyard.runtimes.examples import operator_example
from modelyard.runtimes.onnx.class_labels import LabelClasses, classes_of_label, unexpected_label
from modelyard.runtimes.onnx.graph import read_model
from modelyard.runtimes.onnx.outputs import Output, outputs_of
from modelyard.runtimes.onnx.row_mixing import Findings, findings
from modelyard.runtimes.onnx.rows import decide_rows
from modelyard.runtimes.onnx.session import MODEL_FILE, open_session, reason
from modelyard.runtimes.onnx.signature import inputs_of, roles_of, rows_of, signature_of
from modelyard.runtimes.onnx.trial_runs import random_rows, run, run_trial
from modelyard.tensors import Array, Signature, Tensors

_errors = onnxruntime.capi.onnxruntime_pybind11_state
REJECTIONS = (_errors.InvalidArgument, _errors.Fail, _errors.RuntimeException)
"""What a node raises for values that it rejects: the type depends on the implementation of the operator."""
OUT_OF_MEMORY = "Failed to allocate memory"


class OnnxModel:
    """A session and what its inputs and outputs mean."""

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        signature: Signature,
        outputs: Sequence[Output],
        example: Tensors,
        *,
        found: Findings,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.signature = signature
        self.example = example
        self.notes = notes
        self.loop_safe = found.loop_safe
        self.mixes_rows = found.mixes_rows
        """Why rows of different requests must not share a call, whatever trial runs show; "" if no operator mixes rows."""
        self._convert = {output.spec.name: output.convert for output in outputs if output.convert}
        self._texts = [spec.name for spec in signature.inputs if spec.datatype == "BYTES"]
        self._session = session
        # The public method first checks what the codec has checked already: 2.5 of the 8.5 us of a call of a small model.
        self._run = getattr(getattr(session, "_sess", None), "run", session.run)

    def predict(self, inputs: Tensors, outputs: Sequence[str]) -> Tensors:
        """See `LoadedModel`. Raises InvalidRequest if the graph itself rejects inputs that match the signature, such as
        two inputs whose lengths must be equal and are not."""
        for array in inputs.values():
            if not array.dtype.isnative:  # onnxruntime ignores the byte order
                inputs = {name: each.astype(each.dtype.newbyteorder("="), copy=False) for name, each in inputs.items()}
                break
        for name in self._texts:
            if name in inputs:
                inputs = {**inputs, name: _texts(name, inputs[name])}
        names = list(outputs)
        try:
            values = self._run(names, inputs, None)
        except REJECTIONS as error:
            if OUT_OF_MEMORY in str(error):
                raise MemoryError("onnxruntime cannot allocate memory for this request") from error
            raise InvalidRequest(f"the model rejects the input: {reason(error)}") from error
        results = dict(zip(names, values, strict=True))
        for name, convert in self._convert.items():
            if name in results:
                results[name] = convert(results[name])
        return results


def load(files: Files, spec: ModelSpec, *, cpus: float) -> OnnxModel:
    """See `Runtime.load`."""
    if MODEL_FILE not in files:
        raise LoadError(f"the version does not contain {MODEL_FILE}")
    if spec.inputs:
        raise LoadError("the YAML has `inputs`, but an ONNX graph declares its own inputs: remove them")
    session = open_session(files, cpus)
    model = read_model(files[MODEL_FILE])
    inputs = inputs_of(session.get_inputs(), session.get_overridable_initializers(), model)
    tried = run_trial(session, inputs, operator_example(files, inputs), model.graph.lengths() if model else ())
    outputs = outputs_of(session.get_outputs(), rows_of(inputs), tried, model)
    label, scores = roles_of(inputs, outputs)
    known = LabelClasses()
    many = run(session, random_rows(inputs))
    if label and scores and not scores.classes:
        known = classes_of_label(model, label, scores, spec.labels, (tried.outputs, many))
    tried = tried.checked_with_random_rows(many)
    signature, notes = decide_rows(signature_of(inputs, outputs, spec.labels, known), tried, session, spec.rows)
    if label and scores and (note := unexpected_label(scores.classes, label, tried.outputs)):
        notes += (note,)
    found = findings(model, [spec.name for spec in inputs])
    return OnnxModel(session, signature, outputs, tried.example, found=found, notes=notes)


def _texts(name: str, array: Array) -> Array:
    """The strings as `str`: onnxruntime converts other objects with Python's `str()`."""
    values = array.ravel().tolist()
    if bytes not in map(type, values):
        return array
    texts = np.empty(len(values), object)
    try:
        texts[:] = [value.decode() if isinstance(value, bytes) else value for value in values]
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"input {name!r} contains bytes that are not UTF-8, and ONNX strings must be text"
        ) from error
    return texts.reshape(array.shape)

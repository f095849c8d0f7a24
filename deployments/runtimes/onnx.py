"""The onnx runtime: any ONNX model that onnxruntime runs on a CPU."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime

from deployments.errors import InvalidRequest
from deployments.runtimes.base import Files, LoadError
from deployments.runtimes.example import example
from deployments.runtimes.onnx_outputs import Convert, json_text, scores_from_maps
from deployments.runtimes.onnx_session import MODEL_FILE, open_session, reason
from deployments.runtimes.onnx_types import scores_datatype, shape_of, tensor_datatype
from deployments.spec.model import ModelSpec
from deployments.tensors import FREE, Scalar, Signature, Tensors, TensorSpec

INVALID = onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument


class OnnxModel:
    """A session and what its inputs and outputs mean."""

    def __init__(
        self, session: onnxruntime.InferenceSession, signature: Signature, convert: Mapping[str, Convert]
    ) -> None:
        self.signature = signature
        self.example = example(signature.inputs)
        self._convert = convert
        self._session = session
        # InferenceSession.run checks what the codec has checked already: 5 us of 13 for a small model.
        self._run = getattr(getattr(session, "_sess", None), "run", session.run)

    def predict(self, inputs: Tensors, outputs: Sequence[str]) -> Tensors:
        """See `LoadedModel`. Shapes that fit the signature and still not the graph are the request's fault."""
        names = list(outputs)
        try:
            values = self._run(names, inputs, None)
        except INVALID as error:
            raise InvalidRequest(f"the model does not take this: {reason(error)}") from error
        if not self._convert:
            return dict(zip(names, values, strict=True))
        as_it_is = np.asarray
        return {name: self._convert.get(name, as_it_is)(value) for name, value in zip(names, values, strict=True)}


def load(files: Files, spec: ModelSpec, *, cpus: float) -> OnnxModel:
    """See `Runtime.load`."""
    if MODEL_FILE not in files:
        raise LoadError(f"there is no {MODEL_FILE}")
    session = open_session(files, cpus)
    inputs = (*map(_input, session.get_inputs()), *map(_optional, session.get_overridable_initializers()))
    classes, convert = _conversions(session, inputs, spec)
    rowwise_inputs = all(spec.shape[:1] == (FREE,) for spec in inputs if not spec.optional)
    outputs = tuple(_output(arg, classes, rows_first=rowwise_inputs) for arg in session.get_outputs())
    return OnnxModel(session, _signature(inputs, outputs, tuple(spec.labels) or classes), convert)


def _input(arg: Any) -> TensorSpec:
    datatype = tensor_datatype(arg.name, arg.type)
    if datatype is None:
        raise LoadError(f"input {arg.name!r} is a {arg.type}; only tensors can be sent")
    return TensorSpec(arg.name, datatype, shape_of(arg.shape))


def _optional(arg: Any) -> TensorSpec:
    """An input with a value of its own in the graph."""
    given = _input(arg)
    return TensorSpec(given.name, given.datatype, given.shape, optional=True)


def _output(arg: Any, classes: Sequence[Scalar], *, rows_first: bool) -> TensorSpec:
    datatype = tensor_datatype(arg.name, arg.type)
    if datatype is not None:
        return TensorSpec(arg.name, datatype, shape_of(arg.shape))
    scores = scores_datatype(arg.type)
    if scores is not None and rows_first:
        return TensorSpec(arg.name, scores, (FREE, len(classes)))
    return TensorSpec(arg.name, "BYTES", ())


def _conversions(
    session: onnxruntime.InferenceSession, inputs: Sequence[TensorSpec], spec: ModelSpec
) -> tuple[tuple[Scalar, ...], dict[str, Convert]]:
    """How outputs that are not tensors become tensors, and the classes that a ZipMap names: the example tells them."""
    others = [arg for arg in session.get_outputs() if not arg.type.startswith("tensor")]
    if not others:
        return (), {}
    values = session.run([arg.name for arg in others], example(inputs))
    classes: tuple[Scalar, ...] = ()
    convert: dict[str, Convert] = {}
    for arg, value in zip(others, values, strict=True):
        datatype = scores_datatype(arg.type)
        if datatype is not None and value:
            classes = tuple(value[0])
            convert[arg.name] = scores_from_maps(classes, datatype)
        else:
            convert[arg.name] = json_text
    if spec.labels and classes and len(spec.labels) != len(classes):
        raise LoadError(f"the YAML has {len(spec.labels)} labels, and the model {len(classes)} classes")
    return classes, convert


def _signature(
    inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...], classes: tuple[Scalar, ...]
) -> Signature:
    """A classifier is one with a label a row and scores a row and class, or with scores for the classes the YAML names."""
    labels = [out for out in outputs if out.shape == (FREE,) and out.datatype in ("INT64", "INT32", "BYTES")]
    scores = [out for out in outputs if len(out.shape) == 2 and out.datatype in ("FP16", "FP32", "FP64")]
    scores = [out for out in scores if out.shape[0] == FREE]
    label = labels[0].name if len(labels) == 1 and len(outputs) == 2 and len(scores) == 1 else ""
    if len(scores) != 1 or not (label or (classes and len(outputs) == 1)):
        if classes:
            raise LoadError("the YAML has labels, but the model has no single output of scores a row and class")
        return Signature(inputs, outputs)
    axis = scores[0].shape[1]
    if classes and axis not in (FREE, len(classes)):
        raise LoadError(f"the YAML has {len(classes)} labels, and the model gives {axis} scores a row")
    return Signature(inputs, outputs, "classification", classes, label, scores[0].name)

"""The python runtime: an operator's own class, for what no framework's file can say. See docs/runtimes.md for its protocol."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deployments.runtimes.base import Files, LoadError
from deployments.runtimes.example import example as made_up_example
from deployments.runtimes.python_module import PrivateFolder, operators_errors
from deployments.runtimes.python_signature import declared_signature
from deployments.spec.model import ModelSpec
from deployments.tensors import DTYPES, FREE, Array, Signature, Tensors, TensorSpec


class PythonModel:
    """An instance of the operator's class, with its answers held against its signature."""

    def __init__(self, instance: Any, signature: Signature, example: Tensors, folder: PrivateFolder) -> None:
        self.signature = signature
        self.example = example
        self._instance = instance
        self._folder = folder  # the model may read its files at any time
        self._outputs = {spec.name: spec for spec in signature.outputs}

    def predict(self, inputs: Tensors, outputs: Sequence[str]) -> Tensors:
        """See `LoadedModel`. Raises ValueError where the class does not keep to its signature."""
        answered = self._instance.predict(inputs)
        if not isinstance(answered, Mapping):
            raise TypeError(f"predict() gives a dict of arrays, not {type(answered).__name__}")
        return {name: _checked(self._outputs[name], answered) for name in outputs}


def load(files: Files, spec: ModelSpec, *, cpus: float) -> PythonModel:
    """See `Runtime.load`."""
    if not spec.trusted:
        raise LoadError("a python model runs its own code: say `trusted: true`, or export it to skops or ONNX")
    _, module_name, class_name = (spec.runtime or "").split(":")
    folder = PrivateFolder(files)
    module = folder.import_module(module_name)
    made = getattr(module, class_name, None)
    if not isinstance(made, type):
        raise LoadError(f"module {module_name} has no class {class_name}")
    with operators_errors(folder.path, f"{class_name}()"):
        instance = made()
    if hasattr(instance, "load"):
        with operators_errors(folder.path, "load()"):
            instance.load(folder.path, dict(spec.options), cpus)
    signature = declared_signature(getattr(instance, "signature", None))
    if not callable(getattr(instance, "predict", None)):
        raise LoadError(f"class {class_name} has no method predict(inputs)")
    return PythonModel(instance, signature, _example(instance, signature), folder)


def _example(instance: Any, signature: Signature) -> Tensors:
    own = getattr(instance, "example", None)
    if own is None:
        return made_up_example(signature.inputs)
    if not isinstance(own, Mapping) or own.keys() != {spec.name for spec in signature.inputs if not spec.optional}:
        raise LoadError("`example` is a dict with a list for every input of the signature")
    return {spec.name: _as_array(own[spec.name], spec) for spec in signature.inputs if spec.name in own}


def _as_array(values: Any, spec: TensorSpec) -> Array:
    try:
        array = np.asarray(values, DTYPES[spec.datatype])
    except (ValueError, TypeError) as error:
        raise LoadError(f"`example` does not fit input {spec.name!r}: {error}") from error
    if array.ndim != len(spec.shape):
        raise LoadError(f"`example` for {spec.name!r} has {array.ndim} axes; its shape is {list(spec.shape)}")
    return array


def _checked(spec: TensorSpec, answered: Mapping[str, Any]) -> Array:
    """One output as an array of the declared datatype; a value that would change in it is an error."""
    if spec.name not in answered:
        raise ValueError(f"predict() left out {spec.name!r}")
    array: Array = np.asarray(answered[spec.name])
    dtype = DTYPES[spec.datatype]
    if array.dtype != dtype:
        if not np.can_cast(array.dtype, dtype, "same_kind"):
            raise ValueError(f"output {spec.name!r} is {array.dtype}, and the signature says {spec.datatype}")
        array = array.astype(dtype)
    fits = array.ndim == len(spec.shape) and all(
        axis in (FREE, length) for axis, length in zip(spec.shape, array.shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"output {spec.name!r} has shape {list(array.shape)}, and the signature says {list(spec.shape)}"
        )
    return array

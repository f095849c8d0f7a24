"""The python runtime: an operator's own class, for what no framework's file can say. docs/runtimes.md describes its protocol."""

import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelyard.config.model_spec import ModelSpec
from modelyard.runtimes.base import Files, LoadError
from modelyard.runtimes.examples import synthetic_example
from modelyard.runtimes.operator_code.folder import PrivateFolder
from modelyard.runtimes.operator_code.package import PrivatePackage
from modelyard.runtimes.python.arrays import checked_output, example_input, private_copy
from modelyard.runtimes.python.signature import declared_signature
from modelyard.tensors import Signature, Tensors


class PythonModel:
    """An instance of the operator's class, with its answers held against its signature.

    It shares no memory with its callers: it gets copies of the inputs, and its outputs are copied. So it may reuse a buffer, or
    change an input in place.
    """

    def __init__(self, instance: Any, signature: Signature, example: Tensors, folder: PrivateFolder) -> None:
        self.signature = signature
        self.example = example
        self.notes: tuple[str, ...] = ()
        self.loop_safe = False
        self._predict = instance.predict
        self._folder = folder  # the model may read its files at any time
        self._outputs = {spec.name: spec for spec in signature.outputs}

    def predict(self, inputs: Tensors, outputs: Sequence[str]) -> Tensors:
        """See `LoadedModel`. Raises what the class raises, and TypeError or ValueError where it breaks its signature."""
        return self._checked(self._predict(_copies(inputs)), outputs, "predict() gives")

    def _checked(self, answered: Any, outputs: Sequence[str], gives: str) -> Tensors:
        if not isinstance(answered, Mapping):
            raise TypeError(f"{gives} a dict of arrays by output, not {type(answered).__name__}")
        return {name: checked_output(self._outputs[name], answered) for name in outputs}


class GeneratingPythonModel(PythonModel):
    """The same for a class that has `generate` too."""

    def __init__(self, instance: Any, signature: Signature, example: Tensors, folder: PrivateFolder) -> None:
        super().__init__(instance, signature, example, folder)
        self._generate = instance.generate

    def generate(self, inputs: Tensors, outputs: Sequence[str]) -> Iterator[Tensors]:
        """See `GeneratingModel`. Raises as `predict` does."""
        steps = iter(self._generate(_copies(inputs)))
        try:
            for step in steps:
                yield self._checked(step, outputs, "generate() yields")
        finally:
            if hasattr(steps, "close"):
                steps.close()


def _copies(tensors: Tensors) -> Tensors:
    return {name: private_copy(array) for name, array in tensors.items()}


def load(files: Files, spec: ModelSpec, *, cpus: float) -> PythonModel:
    """See `Runtime.load`."""
    if not spec.trusted:
        raise LoadError(
            "a python model is code that the server would run: save the model as skops or ONNX instead, or, if you trust "
            "whoever wrote it, say `trusted: true` in the model's YAML"
        )
    folder = PrivateFolder(files)
    package = PrivatePackage(folder.path, files)
    try:
        with package.plain_names():
            instance = _instance(folder, package, spec, cpus)
        signature, own = _declarations(instance, folder, spec.labels)
        kind = GeneratingPythonModel if callable(getattr(instance, "generate", None)) else PythonModel
        model = kind(instance, signature, own or synthetic_example(signature.inputs), folder)
        if own:  # it says that this works; where one was made up, the model may well refuse it
            with folder.errors("predict() on `example`"):
                model.predict(own, [output.name for output in signature.outputs])
    except BaseException:
        package.forget()
        raise
    weakref.finalize(model, package.forget).atexit = False  # threads of the model's own may still run then
    return model


def _instance(folder: PrivateFolder, package: PrivatePackage, spec: ModelSpec, cpus: float) -> Any:
    """The operator's object, loaded."""
    _, module_name, class_name = (spec.runtime or "").split(":")
    if module_name.partition(".")[0] not in package.modules:
        raise LoadError(f"the version has no module {module_name}")
    with folder.errors(f"importing {module_name}"):
        module = package.import_module(module_name)
    made = getattr(module, class_name, None)
    if not isinstance(made, type):
        raise LoadError(f"module {module_name} has no class {class_name}")
    with folder.errors(f"{class_name}()"):
        instance = made()
    if not callable(getattr(instance, "predict", None)):
        raise LoadError(f"class {class_name} has no method predict(inputs)")
    if hasattr(instance, "load"):
        with folder.errors(f"{class_name}.load()"):
            instance.load(folder.path, dict(spec.options), cpus)
    return instance


def _declarations(instance: Any, folder: PrivateFolder, labels: Sequence[str]) -> tuple[Signature, Tensors]:
    """What the loaded object says of itself, {} for an example that it does not have; either may be a property."""
    with folder.errors("reading `signature`"):
        declared = instance.signature
    signature = declared_signature(declared, labels)
    with folder.errors("reading `example`"):
        own = getattr(instance, "example", None)
    if own is None:
        return signature, {}
    required = {spec.name for spec in signature.inputs if not spec.optional}
    known = {spec.name for spec in signature.inputs}
    if not isinstance(own, Mapping) or not required <= own.keys() <= known:
        raise LoadError(f"`example` is a dict with a list for every input: {', '.join(sorted(known))}")
    return signature, {spec.name: example_input(spec, own[spec.name]) for spec in signature.inputs if spec.name in own}

"""The python runtime: an operator's own class, for models that no framework's file can describe. See docs/runtimes.md."""

import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelyard.config.model_spec import ModelSpec
from modelyard.runtimes.base import Files, LoadError
from modelyard.runtimes.examples import synthetic_example
from modelyard.runtimes.operator_code.exclusive_load import exclusive_load
from modelyard.runtimes.operator_code.folder import PrivateFolder
from modelyard.runtimes.operator_code.package import PrivatePackage
from modelyard.runtimes.python.arrays import checked_output, example_input, private_copy
from modelyard.runtimes.python.signature import declared_signature
from modelyard.tensors import Signature, Tensors


class PythonModel:
    """An instance of the operator's class, whose outputs are checked against its signature.

    It shares no memory with its callers: inputs and outputs are copied. So it may reuse a buffer or change an input in place.
    """

    def __init__(self, instance: Any, signature: Signature, example: Tensors, folder: PrivateFolder) -> None:
        self.signature = signature
        self.example = example
        self.notes: tuple[str, ...] = ()
        self.loop_safe = False
        self._predict = instance.predict
        self._folder = folder  # keeps the files on disk while the model may read them
        self._outputs = {spec.name: spec for spec in signature.outputs}

    def predict(self, inputs: Tensors, outputs: Sequence[str]) -> Tensors:
        """See `LoadedModel`. Raises what the class raises, and TypeError or ValueError for outputs outside its signature."""
        return self._checked(self._predict(_copies(inputs)), outputs, "predict()")

    def _checked(self, returned: Any, outputs: Sequence[str], source: str) -> Tensors:
        if not isinstance(returned, Mapping):
            raise TypeError(f"{source} must return a dict of arrays by output, not {type(returned).__name__}")
        return {name: checked_output(self._outputs[name], returned) for name in outputs}


class GeneratingPythonModel(PythonModel):
    """The same for a class that also has `generate`."""

    def __init__(self, instance: Any, signature: Signature, example: Tensors, folder: PrivateFolder) -> None:
        super().__init__(instance, signature, example, folder)
        self._generate = instance.generate

    def generate(self, inputs: Tensors, outputs: Sequence[str]) -> Iterator[Tensors]:
        """See `GeneratingModel`. Raises as `predict` does."""
        steps = iter(self._generate(_copies(inputs)))
        try:
            for step in steps:
                yield self._checked(step, outputs, "generate()")
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
            "its author, set `trusted: true` in the model's YAML"
        )
    folder = PrivateFolder(files)
    package = PrivatePackage(folder.path, files)
    try:
        _, module, _ = (spec.runtime or "").split(":")
        entry = module.partition(".")[0]  # many models have a `model`, which nothing else imports
        with (
            exclusive_load(package.modules - {entry}, timeout_s=spec.load_timeout_s),
            package.plain_names(spec.load_timeout_s),
        ):
            instance = _instance(folder, package, spec, cpus)
        signature, declared = _declarations(instance, folder, spec.labels)
        kind = GeneratingPythonModel if callable(getattr(instance, "generate", None)) else PythonModel
        model = kind(instance, signature, declared or synthetic_example(signature.inputs), folder)
        if declared:  # the operator says that it works; a model may reject a synthetic example
            with folder.errors("predict() on `example`"):
                model.predict(declared, [output.name for output in signature.outputs])
    except BaseException:
        package.forget()
        raise
    weakref.finalize(model, package.forget).atexit = False  # the model's own threads may still run at exit
    return model


def _instance(folder: PrivateFolder, package: PrivatePackage, spec: ModelSpec, cpus: float) -> Any:
    """An instance of the operator's class, after its load()."""
    _, module_name, class_name = (spec.runtime or "").split(":")
    if module_name.partition(".")[0] not in package.modules:
        raise LoadError(f"the version has no module {module_name}")
    with folder.errors(f"importing {module_name}"):
        module = package.import_module(module_name)
    cls = getattr(module, class_name, None)
    if not isinstance(cls, type):
        raise LoadError(f"module {module_name} has no class {class_name}")
    with folder.errors(f"{class_name}()"):
        instance = cls()
    if not callable(getattr(instance, "predict", None)):
        raise LoadError(f"class {class_name} has no method predict(inputs)")
    if hasattr(instance, "load"):
        with folder.errors(f"{class_name}.load()"):
            instance.load(folder.path, dict(spec.options), cpus)
    return instance


def _declarations(instance: Any, folder: PrivateFolder, labels: Sequence[str]) -> tuple[Signature, Tensors]:
    """The signature and the example of the loaded object; {} if it has no example. Either may be a property."""
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
        raise LoadError(f"`example` must be a dict with a list for every input: {', '.join(sorted(known))}")
    return signature, {spec.name: example_input(spec, own[spec.name]) for spec in signature.inputs if spec.name in own}

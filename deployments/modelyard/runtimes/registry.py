"""The runtimes: one row a framework. To add one, add a row and a package under `runtimes/` whose module has `load`."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import cast

from modelyard.runtimes.base import LoadError, Runtime


@dataclass(frozen=True, slots=True)
class RuntimeRow:
    """What the other modules know about a framework without importing it."""

    module: str
    """The module that implements the `Runtime` protocol."""
    platform: str
    """The platform in Triton's model metadata."""
    backend: str
    """The backend in Triton's model configuration."""
    artefacts: tuple[str, ...] = ()
    """File names of artefacts that run no code when they are loaded."""
    pickles: tuple[str, ...] = ()
    """File names of artefacts that can run any code when they are loaded: the operator must trust them."""
    preload: tuple[str, ...] = ()
    """Modules that may be imported before a fork: they start no threads."""
    extra: str = ""
    """The extra of the distribution that installs the framework; "" if every installation has it."""


PYTHON = "python"
"""The runtime of an operator's own class. It has no artefacts: the YAML names a module and a class."""
RUNTIMES: Mapping[str, RuntimeRow] = {
    # Not preloaded: an import of onnxruntime starts a thread.
    "onnx": RuntimeRow("modelyard.runtimes.onnx.model", "onnxruntime_onnx", "onnxruntime", artefacts=("model.onnx",)),
    "sklearn": RuntimeRow(
        # Triton has no such platform.
        "modelyard.runtimes.sklearn.model",
        "sklearn",
        "sklearn",
        artefacts=("model.skops",),
        pickles=("model.joblib", "model.pkl"),
        preload=("modelyard.runtimes.sklearn.model", "sklearn.ensemble", "sklearn.linear_model"),
    ),
    PYTHON: RuntimeRow("modelyard.runtimes.python.model", "python", "python"),
}
"""By name: the part of `runtime` in a model's YAML before the colon."""

RUNTIME_OF_ARTEFACT: Mapping[str, str] = {
    file: name for name, row in RUNTIMES.items() for file in (*row.artefacts, *row.pickles)
}
"""The runtime of each artefact, by file name."""
PICKLES = frozenset(file for row in RUNTIMES.values() for file in row.pickles)
"""The artefacts that can run any code when they are loaded."""


def runtime(name: str) -> Runtime:
    """The runtime of this name; a key of RUNTIMES.

    It is imported here, so that a replica loads its own framework only. Raises LoadError if the framework is not installed.
    """
    row = RUNTIMES[name]
    try:
        return cast(Runtime, import_module(row.module))
    except ModuleNotFoundError as error:
        if not row.extra:
            raise
        raise LoadError(
            f"the {name} runtime needs {error.name}, which is not installed: pip install 'modelyard[{row.extra}]'"
        ) from error

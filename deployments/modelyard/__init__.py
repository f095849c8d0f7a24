"""modelyard: a config-driven, multi-model inference server on Ray Serve.

The names below are the public API, for tests of models and for model code. They are imported when they are first used, so that
`import modelyard` is quick and imports no framework.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelyard.config.diagnostic import SpecError as SpecError
    from modelyard.config.load import Config as Config
    from modelyard.errors import InferenceFailed as InferenceFailed
    from modelyard.errors import InvalidRequest as InvalidRequest
    from modelyard.errors import ModelyardError as ModelyardError
    from modelyard.local_model import LocalModel as LocalModel
    from modelyard.local_model import load_config as load_config
    from modelyard.local_model import load_model as load_model
    from modelyard.runtimes.base import LoadError as LoadError
    from modelyard.tensors import Signature as Signature
    from modelyard.tensors import TensorSpec as TensorSpec

__version__ = "0.1.0"

_MODULES = {
    "Config": "modelyard.config.load",
    "InferenceFailed": "modelyard.errors",
    "InvalidRequest": "modelyard.errors",
    "LoadError": "modelyard.runtimes.base",
    "LocalModel": "modelyard.local_model",
    "ModelyardError": "modelyard.errors",
    "Signature": "modelyard.tensors",
    "SpecError": "modelyard.config.diagnostic",
    "TensorSpec": "modelyard.tensors",
    "load_config": "modelyard.local_model",
    "load_model": "modelyard.local_model",
}
"""The module of each public name."""


if not TYPE_CHECKING:  # to a type checker, a name that is not above is an error

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_MODULES[name]), name)
        return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])

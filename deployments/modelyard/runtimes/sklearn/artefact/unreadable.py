"""Explains why a model's file cannot be read, and what the operator can do, from the error that reading it raised. Pure."""

import re
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from zipfile import BadZipFile

from modelyard.runtimes.operator_code.adjacent_modules import AdjacentModules
from modelyard.runtimes.operator_code.main_module import MainModuleReference
from modelyard.runtimes.sklearn.artefact import versions
from modelyard.runtimes.sklearn.artefact.pickles import NotAPickle

PACKAGES = {
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "imblearn": "imbalanced-learn",
    "skimage": "scikit-image",
    "skopt": "scikit-optimize",
    "sksurv": "scikit-survival",
    "umap": "umap-learn",
    "xgboost": "xgboost-cpu",
    **{
        name: name
        for name in (
            "catboost",
            "category_encoders",
            "dill",
            "feature_engine",
            "hdbscan",
            "interpret",
            "keras",
            "lightgbm",
            "mlxtend",
            "optuna",
            "pandas",
            "polars",
            "prophet",
            "shap",
            "sklearn_pandas",
            "skorch",
            "sktime",
            "statsmodels",
            "tensorflow",
            "torch",
        )
    },
}
"""Common model libraries: the package to install for a module."""
_NO_ATTRIBUTE = re.compile(
    r"Can't get attribute '(?P<pickled>[^']+)' on <module '(?P<of>[\w.]+)'"
    r"|module '(?P<skops_of>[\w.]+)' has no attribute '(?P<by_skops>\w+)'"
)


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    content: bytes
    code: AdjacentModules | None

    def is_adjacent(self, module: str) -> bool:
        """Whether the module is one of those next to the file."""
        return self.code is not None and module.partition(".")[0] in self.code.modules

    def own_name(self, module: str) -> str:
        return self.code.own_name(module) if self.code else module

    def place(self, error: BaseException) -> str:
        return self.code.place(error) if self.code else ""

    def made_by_another_version(self, what: str) -> str:
        """The message that explains the error by scikit-learn's version; "" if the file names no other version."""
        known = versions.other_minors(versions.versions_in(self.content))
        if not known:
            return ""
        return (
            f"{self.name} was made with scikit-learn {' and '.join(known)}, and the installed scikit-learn {versions.INSTALLED} "
            f"cannot read it: train the model again, or install that version ({what})"
        )


def unreadable_reason(name: str, error: Exception | SystemExit, content: bytes, code: AdjacentModules | None) -> str:
    """The message. `content` is the uncompressed file; `code` is the modules next to it."""
    file = _File(name, content, code)
    match error:
        case NotAPickle():
            return f"{name} {error}"
        case BadZipFile():
            hint = "it is a pickle; name it model.pkl" if content.startswith(b"\x80") else "it is not a zip archive"
            return f"{name} is damaged or is not a skops file: {hint}"
        case MemoryError():
            return f"{name} does not fit in memory (resources.memory is the model's limit)"
        case MainModuleReference():
            return _main_module(name, error)
        case ModuleNotFoundError(name=str(module)):
            return _no_module(file, file.own_name(module), file.place(error))
    if isinstance(error, AttributeError) and (found := _NO_ATTRIBUTE.search(str(error))):
        module = found["of"] or found["skops_of"]
        return _no_attribute(file, file.own_name(module), found["pickled"] or found["by_skops"])
    return _other(file, error)


def _main_module(name: str, error: MainModuleReference) -> str:
    return (
        f"{name} uses {error.args[0]!r}, which the notebook or script that saved it defined (__main__), and which is not in "
        f"the file: move it to a separate module, such as features.py, import it from there, fit and save the model again, "
        f"and put features.py next to {name}. Or save the model with cloudpickle.dump, which stores such definitions in the file"
    )


def _no_module(file: _File, module: str, place: str) -> str:
    name, top = file.name, module.partition(".")[0]
    if file.is_adjacent(module):
        return f"{name} needs the module {module!r}{place}, which is not among the files next to it"
    if module == "__builtin__":  # dill's name for the namespace of `__main__`
        return (
            f"{name} was saved with dill and refers to the whole namespace of the notebook or script that saved it: save the "
            "model again with dill.dump(..., recurse=True) or cloudpickle.dump"
        )
    # In some versions, scikit-learn's compiled losses are the module `_loss`.
    if top in ("sklearn", "_loss") and (explanation := file.made_by_another_version(f"there is no module {module!r}")):
        return explanation
    if top in sys.modules or find_spec(top):
        return f"{name} needs the module {module!r}{place}, {_not_in(top)}"
    missing = f"{name} needs the Python module {top!r}{place}, which is not installed"
    if top in PACKAGES:
        return f"{missing}: install it (pip install {PACKAGES[top]})"
    # The import system names the topmost missing module; the file names the required one.
    own = re.search(re.escape(top.encode()) + rb"(\.\w+)+", file.content)
    path = (own.group().decode() if own and module == top else module).replace(".", "/")
    return f"{missing}: if it is a library, install it (pip install {top}); if it is your own code, put {path}.py next to {name}"


def _no_attribute(file: _File, module: str, attribute: str) -> str:
    top = module.partition(".")[0]
    if file.is_adjacent(module):
        return f"{file.name} needs {attribute!r} of the module {module!r} next to it, which does not define it"
    if top == "sklearn" and (explanation := file.made_by_another_version(f"there is no {module}.{attribute}")):
        return explanation
    return f"{file.name} needs {module}.{attribute}, {_not_in(top)}"


def _other(file: _File, error: BaseException) -> str:
    name = file.name
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    reason = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if place := file.place(error):
        return f"{name} cannot be read: the code next to it failed{place}: {reason}"
    if explanation := file.made_by_another_version(reason):
        return explanation
    if not name.endswith(".skops") and not file.content.endswith(b"."):  # the last byte of every pickle
        return f"{name} is incomplete: copy it again, or save it again ({reason})"
    return (
        f"{name} cannot be read: it is damaged, or was made with other versions of its libraries than the installed ones "
        f"(scikit-learn {versions.INSTALLED}): {reason}"
    )


def _not_in(top: str) -> str:
    version = getattr(sys.modules.get(top), "__version__", "")
    return (
        f"which the installed {top}{f' {version}' if version else ''} does not have: the file was made with another "
        f"version of it. Save the model again with the installed version, or install the version that made it"
    )

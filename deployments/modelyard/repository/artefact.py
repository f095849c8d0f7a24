"""Which file of a version is the model, and so which runtime loads it. Pure."""

from collections.abc import Sequence

from modelyard.config.model_spec import ModelSpec
from modelyard.repository import formats
from modelyard.repository.snapshot import FileEntry

RUNTIMES = {"model.onnx": "onnx", "model.skops": "sklearn", "model.joblib": "sklearn", "model.pkl": "sklearn"}
"""The runtime of each artefact."""
RUNS_CODE = ("model.joblib", "model.pkl")
"""Artefacts that are pickles: loading one runs whatever its author put in it."""
PYTHON = "python"
"""The runtime of an operator's own class."""
MAX_NAMED_FILES = 5
"""Files named in a message."""


class UnusableVersion(Exception):
    """A version's files do not fit the spec; the arguments are the reason and the file that it is about, or ""."""


def runtime_of(spec: ModelSpec, files: Sequence[FileEntry]) -> str:
    """The runtime: "onnx", "sklearn" or "python". Raises UnusableVersion."""
    kind, _, entry_point = (spec.runtime or "").partition(":")
    if kind == PYTHON:
        _check_python(entry_point.partition(":")[0], files, trusted=spec.trusted)
        return PYTHON
    artefact = _artefact(files)
    runtime = RUNTIMES[artefact]
    if kind not in ("", runtime):
        raise UnusableVersion(
            f"holds {artefact}, which is for {runtime}, but the model's YAML says `runtime: {kind}`", artefact
        )
    for file in files:
        if file.size_bytes == 0:
            raise UnusableVersion(f"holds an empty file, {file.path}", file.path)
    if artefact in RUNS_CODE and not spec.trusted:
        raise UnusableVersion(
            f"holds {artefact}, a pickle, which can run any code when it is loaded: save the model as skops or ONNX "
            "instead, or, if you trust whoever made the file, say `trusted: true` in the model's YAML",
            artefact,
        )
    return runtime


def _artefact(files: Sequence[FileEntry]) -> str:
    paths = [file.path for file in files]
    match [name for name in RUNTIMES if name in paths]:
        case [artefact]:
            return artefact
        case []:
            raise UnusableVersion(f"holds none of {', '.join(RUNTIMES)}: {_advice(paths)}", "")
        case several:
            raise UnusableVersion(f"holds both {' and '.join(several)}: a version is one model", several[0])


def _advice(paths: Sequence[str]) -> str:
    """What the operator may have meant, as far as the names of the files say it."""
    if not paths:
        return "it is empty"
    source = next((path for path in paths if path.endswith(".py")), None)
    if advice := formats.advice(paths):
        return f"{advice}. If {_python_model_hint(source)}" if source else advice
    if source:
        return f"if {_python_model_hint(source)}"
    more = len(paths) - MAX_NAMED_FILES
    return f"there is {', '.join(paths[:MAX_NAMED_FILES])}" + (f" and {more} more" if more > 0 else "")


def _python_model_hint(source: str) -> str:
    module = source.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return f"{source} is the model, say `runtime: python:{module}:<Class>` in the model's YAML"


def _check_python(module: str, files: Sequence[FileEntry], *, trusted: bool) -> None:
    folder = module.replace(".", "/")
    sources = (f"{folder}/__init__.py", f"{folder}.py")
    source = next((file for name in sources for file in files if file.path == name), None)
    if source is None:
        raise UnusableVersion(f"holds no module {module}: neither {sources[1]} nor {sources[0]} is there", "")
    if source.size_bytes == 0:
        raise UnusableVersion(f"holds an empty file, {source.path}", source.path)
    if not trusted:
        raise UnusableVersion(
            f"holds {source.path}, which is code that the server would run: save the model as skops or ONNX instead, "
            "or, if you trust whoever wrote it, say `trusted: true` in the model's YAML",
            source.path,
        )

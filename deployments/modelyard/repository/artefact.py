"""Finds the artefact among the files of a version, and the runtime that loads it. Pure."""

from collections.abc import Sequence

from modelyard.config.model_spec import ModelSpec
from modelyard.repository import formats
from modelyard.repository.snapshot import FileEntry
from modelyard.runtimes.registry import PICKLES, PYTHON, RUNTIME_OF_ARTEFACT

MAX_NAMED_FILES = 5
"""How many files a message names."""


class UnusableVersion(Exception):
    """A version's files do not fit the spec. Its arguments are the reason, and the path of the file at fault or ""."""


def runtime_of(spec: ModelSpec, files: Sequence[FileEntry]) -> str:
    """The name of the runtime, a key of `RUNTIMES`. Raises UnusableVersion."""
    kind, _, entry_point = (spec.runtime or "").partition(":")
    if kind == PYTHON:
        _check_python(entry_point.partition(":")[0], files, trusted=spec.trusted)
        return PYTHON
    artefact = _artefact(files)
    runtime = RUNTIME_OF_ARTEFACT[artefact]
    if kind not in ("", runtime):
        raise UnusableVersion(
            f"contains {artefact}, which needs `runtime: {runtime}`, but the model's YAML says `runtime: {kind}`",
            artefact,
        )
    for file in files:
        if file.size_bytes == 0:
            raise UnusableVersion(f"contains an empty file, {file.path}", file.path)
    if artefact in PICKLES and not spec.trusted:
        raise UnusableVersion(
            f"contains {artefact}, a pickle, which can run any code when it is loaded: save the model as skops or ONNX "
            "instead, or, if you trust its author, set `trusted: true` in the model's YAML",
            artefact,
        )
    return runtime


def _artefact(files: Sequence[FileEntry]) -> str:
    paths = [file.path for file in files]
    match [name for name in RUNTIME_OF_ARTEFACT if name in paths]:
        case [artefact]:
            return artefact
        case []:
            raise UnusableVersion(f"contains none of {', '.join(RUNTIME_OF_ARTEFACT)}: {_advice(paths)}", "")
        case several:
            raise UnusableVersion(
                f"contains {' and '.join(several)}: a version must contain one model only", several[0]
            )


def _advice(paths: Sequence[str]) -> str:
    """What the operator probably meant, judged by the names of the files."""
    if not paths:
        return "it is empty"
    source = next((path for path in paths if path.endswith(".py")), None)
    if advice := formats.advice(paths):
        return f"{advice}. If {_python_model_hint(source)}" if source else advice
    if source:
        return f"if {_python_model_hint(source)}"
    more = len(paths) - MAX_NAMED_FILES
    return f"it contains {', '.join(paths[:MAX_NAMED_FILES])}" + (f" and {more} more" if more > 0 else "")


def _python_model_hint(source: str) -> str:
    module = source.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return f"{source} is the model, set `runtime: python:{module}:<Class>` in the model's YAML"


def _check_python(module: str, files: Sequence[FileEntry], *, trusted: bool) -> None:
    folder = module.replace(".", "/")
    sources = (f"{folder}/__init__.py", f"{folder}.py")
    source = next((file for name in sources for file in files if file.path == name), None)
    if source is None:
        raise UnusableVersion(f"does not contain the module {module}: neither {sources[1]} nor {sources[0]} exists", "")
    if source.size_bytes == 0:
        raise UnusableVersion(f"contains an empty file, {source.path}", source.path)
    if not trusted:
        raise UnusableVersion(
            f"contains {source.path}, which is code that the server would run: save the model as skops or ONNX instead, "
            "or, if you trust its author, set `trusted: true` in the model's YAML",
            source.path,
        )

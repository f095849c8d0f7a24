"""Loads a configuration folder into validated specs. All errors of all files are reported together."""

import difflib
import os
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from modelyard.config import defaults, source_text, suggestions
from modelyard.config.capacity_check import Machine, insufficient_resources
from modelyard.config.conflicts import claim, conflicts
from modelyard.config.diagnostic import Diagnostic, SpecError, sorted_diagnostics
from modelyard.config.env_vars import expand
from modelyard.config.ignored_files import ignored_files, is_model_file
from modelyard.config.model_spec import ModelSpec, slug
from modelyard.config.server_checks import server_errors
from modelyard.config.server_spec import ServerSpec
from modelyard.config.source_text import Source
from modelyard.config.spec_base import Spec
from modelyard.config.syntax_errors import merge_conflict
from modelyard.config.tree import Document, Mapping, Node, Scalar, plain
from modelyard.config.value_errors import describe_value, leading_zeros, value_errors
from modelyard.config.yaml_parser import parse

S = TypeVar("S", bound=Spec)

TRACING_MODULE = "opentelemetry.exporter.otlp.proto.http"
"""Installed by the extra `tracing`."""
SERVER_FILE, MODELS_FOLDER = "server.yaml", "models"
MAX_ERRORS = 100
"""Maximum number of errors that are reported for one file."""


@dataclass(frozen=True)
class Config:
    """The content of `serve_config/`."""

    server: ServerSpec
    models: tuple[ModelSpec, ...]
    """Sorted by name."""
    sources: Map[str, Path]
    """Each model's file, by the model's name."""
    root: Path
    """The parent of the configuration folder, absolute. Relative paths in the configuration start here."""
    model_nodes: Map[str, Mapping] = field(default_factory=dict, compare=False, repr=False)
    """The YAML nodes of each model, by the model's name, for diagnostics."""
    server_node: Mapping | None = field(default=None, compare=False, repr=False)
    """The YAML nodes of server.yaml, for diagnostics."""
    missing: tuple[str, ...] = field(default=(), compare=False)
    """SERVER_FILE and MODELS_FOLDER, if they are missing. A file without keys counts as missing."""
    warnings: tuple[Diagnostic, ...] = field(default=(), compare=False)
    """Likely mistakes that do not make the configuration invalid."""

    @property
    def repository_root(self) -> Path:
        """The model repository. It need not exist."""
        return self.root / self.server.repository.path

    @property
    def state_dir(self) -> Path:
        """The running server's folder for logs, sockets and its token. It need not exist."""
        return self.root / self.server.state


def load(config_dir: Path, environ: Map[str, str]) -> Config:
    """Read `server.yaml`, which may be missing, and any number of `models/*.yaml`.

    `environ` has the values of `${NAME}`. Raises SpecError with the errors of all files.
    """
    try:
        problems = list(_layout_errors(config_dir))
        server_files, model_files = _files(config_dir)
        models_there = (config_dir / MODELS_FOLDER).is_dir()
    except OSError as error:
        wrong = f"cannot be read: {error.strerror}"
        raise SpecError((Diagnostic(str(error.filename or config_dir), 0, 0, wrong),)) from error
    server_file = _read(server_files[0], environ) if server_files else Document(Source("server.yaml", ""))
    server, shared = _server(server_file)
    files = {path: _read(path, environ) for path in model_files}
    specs = [(*_model(file, shared), path) for path, file in files.items()]
    room = _capacity_problems(server, [(spec, node) for spec, node, _ in specs])
    for file in (server_file, *files.values()):
        problems += _first_at_each_place(file.problems)
    claims = [claimed for claimed in map(claim, files.values()) if claimed]
    problems += conflicts(claims)
    problems += _unknown_default_model(server, server_file, [claimed.name for claimed in claims])
    problems += _missing_tracing_extra(server, server_file)
    problems += [each for each in room if each.severity == "error"]
    problems += server_errors(server, server_file, _root(config_dir))
    if problems:
        raise SpecError(sorted_diagnostics(problems))
    models = sorted(((spec, path) for spec, _, path in specs if spec), key=lambda pair: pair[0].name)
    root = _root(config_dir)
    missing = [
        name for name, there in ((SERVER_FILE, not server_file.is_empty), (MODELS_FOLDER, models_there)) if not there
    ]
    return Config(
        server,
        tuple(spec for spec, _ in models),
        {spec.name: path for spec, path in models},
        root,
        model_nodes={spec.name: node for spec, node, _ in specs if spec and isinstance(node, Mapping)},
        server_node=server_file.root if isinstance(server_file.root, Mapping) else None,
        missing=tuple(missing),
        warnings=sorted_diagnostics([*ignored_files(config_dir), *room]),
    )


def _root(config_dir: Path) -> Path:
    """Not with resolve(), which would follow a link to the folder: relative paths start at the parent of the link."""
    return Path(os.path.abspath(config_dir)).parent  # noqa: PTH100


def _unknown_default_model(server: ServerSpec, document: Document, names: Sequence[str]) -> Iterator[Diagnostic]:
    """An error if `default_model` is not configured."""
    root, name = document.root, server.default_model
    if name is not None and name not in names and isinstance(root, Mapping):
        near = difflib.get_close_matches(name, names, 1)
        hint = f"did you mean {near[0]!r}?" if near else ""
        yield root.entries["default_model"].span.diagnostic(f"there is no model {name!r}", hint)


def _missing_tracing_extra(server: ServerSpec, document: Document) -> Iterator[Diagnostic]:
    """An error if `tracing` is set and the exporter is not installed."""
    if server.tracing is not None and isinstance(document.root, Mapping) and not _is_installed(TRACING_MODULE):
        missing = "tracing needs OpenTelemetry's exporter, which is not installed"
        yield document.root.keys["tracing"].diagnostic(missing, "pip install 'modelyard[tracing]'")


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a parent package is missing
        return False


def _layout_errors(config_dir: Path) -> Iterator[Diagnostic]:
    """Errors of the folder itself. Raises SpecError if it is not a folder."""
    if not config_dir.is_dir():
        wrong = "not a folder" if config_dir.exists() else "there is no such folder"
        raise SpecError((Diagnostic(str(config_dir), 0, 0, wrong),))
    models, misnamed = config_dir / MODELS_FOLDER, config_dir / "server.yml"
    # A broken link is an error, and does not count as a missing folder: that would remove all models.
    if os.path.lexists(models) and not models.is_dir():
        yield Diagnostic(str(models), 0, 0, "a broken symbolic link" if models.is_symlink() else "not a folder")
    if misnamed.exists():
        yield Diagnostic(str(misnamed), 0, 0, "this file is ignored", suggestion=f"its name must be {SERVER_FILE}")


def _files(config_dir: Path) -> tuple[list[Path], list[Path]]:
    """The server's file, if it exists, and the models' files, without editors' temporary files (.x.yaml, #x.yaml#, x.yaml~)."""
    server, models = config_dir / SERVER_FILE, config_dir / MODELS_FOLDER
    names = os.listdir(models) if models.is_dir() else []  # noqa: PTH208 - 500 Path objects cost more than the listing
    found = [name for name in sorted(names) if is_model_file(name)]
    return [server] if os.path.lexists(server) else [], [models / name for name in found]


def _read(path: Path, environ: Map[str, str]) -> Document:
    try:
        text = source_text.read(path)
    except SpecError as error:
        return Document(Source(str(path), ""), problems=list(error.diagnostics))
    document = parse(text)
    expand(document, environ)
    return document


def _server(document: Document) -> tuple[ServerSpec, Mapping | None]:
    """The server's spec, or its defaults if it is invalid, and the node of `defaults`."""
    root = document.root
    if root is None or document.is_empty:
        return ServerSpec(), None
    spec = _validated(ServerSpec, document, root)
    if spec is None or not isinstance(root, Mapping):
        return ServerSpec(), None
    shared = root.entries.get("defaults")
    return spec, shared if isinstance(shared, Mapping) else None


def _capacity_problems(server: ServerSpec, models: Sequence[tuple[ModelSpec | None, Node | None]]) -> list[Diagnostic]:
    """Models that need more than this machine has. The resources of a cluster are unknown."""
    if server.ray.address != "local":
        return []
    declared = server.ray.cpus
    cores = float(len(os.sched_getaffinity(0))) if declared is None else declared
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    machine = Machine(cores, memory, is_declared=declared is not None)
    return [
        found
        for spec, root in models
        if spec and isinstance(root, Mapping)
        for found in insufficient_resources(spec, root, machine)
    ]


def _model(document: Document, shared: Mapping | None) -> tuple[ModelSpec | None, Node | None]:
    """The spec, or None if it is invalid, and its node with the defaults merged."""
    root = document.root
    if root is None or document.is_empty:
        if not document.problems:
            name = slug(Path(document.source.path).stem) or "..."
            document.problems.append(
                document.source.diagnostic(0, 0, "the file is empty", suggestion=f"write 'name: {name}'")
            )
        return None, None
    if shared is not None and isinstance(root, Mapping):
        root = defaults.with_defaults(root, shared)
    return _validated(ModelSpec, document, root, free=("options",)), root


def _validated(spec: type[S], document: Document, root: Node, free: tuple[str, ...] = ()) -> S | None:
    """The spec, or None after adding the errors to the document's problems. The content of keys in `free` is not checked."""
    if not isinstance(root, Mapping):
        document.problems.append(_not_a_mapping(document.source, root))
        return None
    valid = None
    try:
        valid = spec.model_validate(plain(root))
    except ValidationError as error:
        document.problems += value_errors(error, spec, root, limit=MAX_ERRORS + 1)
    document.problems += leading_zeros(root, free=free)
    return None if document.problems else valid


def _not_a_mapping(source: Source, root: Node) -> Diagnostic:
    if (marker := suggestions.first_conflict_marker(source.lines)) is not None:
        return merge_conflict(source, marker)
    hint = suggestions.suggest_space(source.lines[root.span.line]) if isinstance(root, Scalar) else ""
    return root.span.diagnostic(f"expected a mapping of keys, got {describe_value(root)}", hint)


def _first_at_each_place(problems: list[Diagnostic]) -> Iterator[Diagnostic]:
    """The first error at each place, since others at the same place are consequences of it."""
    first: dict[tuple[str, int, int], Diagnostic] = {}
    for problem in problems:
        first.setdefault((problem.path, problem.line, problem.column), problem)
    shown = sorted(first.values(), key=lambda problem: problem.line)
    yield from shown[:MAX_ERRORS]
    for problem in shown[MAX_ERRORS : MAX_ERRORS + 1]:
        yield replace(problem, message="there are more errors from here on", suggestion="fix the others first")

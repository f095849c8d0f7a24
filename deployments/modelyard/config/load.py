"""Loads a configuration folder into validated specs. All errors of all files are reported together."""

import os
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import ValidationError

from modelyard.config import defaults, source_text, suggestions
from modelyard.config.capacity_check import Machine, insufficient_resources
from modelyard.config.conflicts import claim, conflicts, name_in, pool_conflicts
from modelyard.config.diagnostic import Diagnostic, SpecError, sorted_diagnostics
from modelyard.config.env_vars import expand
from modelyard.config.ignored_files import ignored_files, is_model_file
from modelyard.config.model_spec import ModelSpec, slug
from modelyard.config.pool_checks import Member, misplaced_keys, mixed_trust, unknown_pool
from modelyard.config.pool_spec import PoolSpec
from modelyard.config.server_checks import missing_tracing_extra, server_errors, unknown_default_model
from modelyard.config.server_spec import ServerSpec
from modelyard.config.source_text import Source
from modelyard.config.spec_base import Spec
from modelyard.config.syntax_errors import merge_conflict
from modelyard.config.tree import Document, Mapping, Node, Scalar, plain
from modelyard.config.value_errors import describe_value, leading_zeros, value_errors
from modelyard.config.yaml_parser import parse

S = TypeVar("S", bound=Spec)
N = TypeVar("N", ModelSpec, PoolSpec)

SERVER_FILE, MODELS_FOLDER, POOLS_FOLDER = "server.yaml", "models", "pools"
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
    pools: tuple[PoolSpec, ...] = ()
    """Sorted by name. A pool need not have models."""
    pool_sources: Map[str, Path] = field(default_factory=dict)
    """Each pool's file, by the pool's name."""
    model_nodes: Map[str, Mapping] = field(default_factory=dict, compare=False, repr=False)
    """The YAML nodes of each model, by the model's name, for diagnostics."""
    pool_nodes: Map[str, Mapping] = field(default_factory=dict, compare=False, repr=False)
    """The YAML nodes of each pool, by the pool's name, for diagnostics."""
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

    def pool_of(self, spec: ModelSpec) -> PoolSpec | None:
        """The pool of one of `models`; None if the model has replicas of its own."""
        return None if spec.pool is None else next(pool for pool in self.pools if pool.name == spec.pool)


@dataclass(frozen=True, slots=True)
class _Read(Generic[N]):
    """The file of a model or a pool."""

    file: Document
    path: Path
    spec: N | None = None
    """None if the file has errors."""
    node: Mapping | None = None
    """Its nodes with the defaults merged."""


def load(config_dir: Path, environ: Map[str, str]) -> Config:
    """Read `server.yaml`, which may be missing, and any number of `models/*.yaml` and `pools/*.yaml`.

    `environ` has the values of `${NAME}`. Raises SpecError with the errors of all files.
    """
    try:
        problems = list(_layout_errors(config_dir))
        server_files, pool_files, model_files = _files(config_dir)
        models_there = (config_dir / MODELS_FOLDER).is_dir()
    except OSError as error:
        wrong = f"cannot be read: {error.strerror}"
        raise SpecError((Diagnostic(str(error.filename or config_dir), 0, 0, wrong),)) from error
    server_file = _read(server_files[0], environ) if server_files else Document(Source("server.yaml", ""))
    server, shared = _server(server_file)
    pools = [_pool(_read(path, environ), path) for path in pool_files]
    models = [_model(_read(path, environ), path, shared) for path in model_files]
    room = _insufficient_resources(server, [*pools, *models])
    for file in (server_file, *(each.file for each in pools), *(each.file for each in models)):
        problems += _first_at_each_place(file.problems)
    claims = [claimed for each in models if (claimed := claim(each.file))]
    problems += conflicts(claims)
    problems += pool_conflicts(each.file for each in pools)
    problems += _pool_problems(server_file, shared, pools, models, str(config_dir / POOLS_FOLDER))
    problems += unknown_default_model(server, server_file, [claimed.name for claimed in claims])
    problems += missing_tracing_extra(server, server_file)
    problems += [each for each in room if each.severity == "error"]
    problems += server_errors(server, server_file, _root(config_dir))
    if problems:
        raise SpecError(sorted_diagnostics(problems))
    missing = [
        name for name, there in ((SERVER_FILE, not server_file.is_empty), (MODELS_FOLDER, models_there)) if not there
    ]
    return Config(
        server,
        _by_name(models),
        {each.spec.name: each.path for each in models if each.spec},
        _root(config_dir),
        pools=_by_name(pools),
        pool_sources={each.spec.name: each.path for each in pools if each.spec},
        model_nodes={each.spec.name: each.node for each in models if each.spec and each.node},
        pool_nodes={each.spec.name: each.node for each in pools if each.spec and each.node},
        server_node=server_file.root if isinstance(server_file.root, Mapping) else None,
        missing=tuple(missing),
        warnings=sorted_diagnostics([*ignored_files(config_dir), *room]),
    )


def _root(config_dir: Path) -> Path:
    """Not with resolve(), which would follow a link to the folder: relative paths start at the parent of the link."""
    return Path(os.path.abspath(config_dir)).parent  # noqa: PTH100


def _layout_errors(config_dir: Path) -> Iterator[Diagnostic]:
    """Errors of the folder itself. Raises SpecError if it is not a folder."""
    if not config_dir.is_dir():
        wrong = "not a folder" if config_dir.exists() else "there is no such folder"
        raise SpecError((Diagnostic(str(config_dir), 0, 0, wrong),))
    misnamed = config_dir / "server.yml"
    for folder in (config_dir / MODELS_FOLDER, config_dir / POOLS_FOLDER):
        # A broken link is an error, and does not count as a missing folder: that would remove all models.
        if os.path.lexists(folder) and not folder.is_dir():
            yield Diagnostic(str(folder), 0, 0, "a broken symbolic link" if folder.is_symlink() else "not a folder")
    if misnamed.exists():
        yield Diagnostic(str(misnamed), 0, 0, "this file is ignored", suggestion=f"its name must be {SERVER_FILE}")


def _files(config_dir: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """The server's file, if it exists, and the files of pools and models."""
    server = config_dir / SERVER_FILE
    found = [server] if os.path.lexists(server) else []
    return found, _files_in(config_dir / POOLS_FOLDER), _files_in(config_dir / MODELS_FOLDER)


def _files_in(folder: Path) -> list[Path]:
    """The YAML files of a folder, without editors' temporary files (.x.yaml, #x.yaml#, x.yaml~)."""
    names = os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208 - 500 Path objects cost more than the listing
    return [folder / name for name in sorted(names) if is_model_file(name)]


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


def _model(document: Document, path: Path, shared: Mapping | None) -> _Read[ModelSpec]:
    if _is_empty(document):
        return _Read(document, path)
    root = document.root
    if shared is not None and isinstance(root, Mapping):
        root = defaults.with_defaults(root, shared)
    return _Read(document, path, _validated(ModelSpec, document, root, free=("options",)), _mapping(root))


def _pool(document: Document, path: Path) -> _Read[PoolSpec]:
    if _is_empty(document):
        return _Read(document, path)
    return _Read(document, path, _validated(PoolSpec, document, document.root), _mapping(document.root))


def _is_empty(document: Document) -> bool:
    """Whether the file has no keys, which is reported."""
    if not document.is_empty:
        return False
    if not document.problems:
        hint = f"write 'name: {slug(Path(document.source.path).stem) or '...'}'"
        document.problems.append(document.source.diagnostic(0, 0, "the file is empty", suggestion=hint))
    return True


def _insufficient_resources(
    server: ServerSpec, files: Iterable["_Read[ModelSpec] | _Read[PoolSpec]"]
) -> list[Diagnostic]:
    machine = Machine.of(server)
    return [
        found
        for each in files
        if machine and each.spec and each.node
        for found in insufficient_resources(each.spec, each.node, machine)
    ]


def _pool_problems(
    server_file: Document,
    shared: Mapping | None,
    pools: Sequence["_Read[PoolSpec]"],
    models: Sequence["_Read[ModelSpec]"],
    folder: str,
) -> Iterator[Diagnostic]:
    """Errors of models that name a pool, and of models that do not."""
    # A pool whose file has errors exists: its models have no errors because of it.
    paths = {each.path.stem: str(each.path) for each in pools if not name_in(each.file)}
    paths |= {named[0]: str(each.path) for each in pools if (named := name_in(each.file))}
    if shared is not None:
        yield from unknown_pool(shared, paths, folder)
    members = []
    for each in models:
        own = _mapping(each.file.root)
        if own and each.node:
            yield from unknown_pool(own, paths, folder)
            if not server_file.problems or "pool" in own.entries:  # otherwise the defaults are unknown
                yield from misplaced_keys(own, each.node, paths, folder)
            if each.spec:
                members.append(Member(each.spec, own))
    yield from mixed_trust(members)


def _by_name(files: Sequence["_Read[N]"]) -> tuple[N, ...]:
    return tuple(sorted((each.spec for each in files if each.spec), key=lambda spec: spec.name))


def _mapping(node: Node | None) -> Mapping | None:
    return node if isinstance(node, Mapping) else None


def _validated(spec: type[S], document: Document, root: Node | None, free: tuple[str, ...] = ()) -> S | None:
    """The spec, or None after adding the errors to the document's problems. The content of keys in `free` is not checked."""
    if not isinstance(root, Mapping):
        if root is not None:
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

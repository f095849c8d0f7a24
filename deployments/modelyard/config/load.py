"""Loads a configuration folder into validated specs. All errors of all files are reported together."""

import os
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from modelyard.config.capacity_check import Machine, insufficient_resources
from modelyard.config.conflicts import claim, conflicts, name_in, pool_conflicts
from modelyard.config.diagnostic import Diagnostic, SpecError, sorted_diagnostics
from modelyard.config.ignored_files import ignored_files, is_model_file
from modelyard.config.model_spec import ModelSpec
from modelyard.config.pool_checks import Member, misplaced_keys, mixed_trust, pools_on_cluster, unknown_pool
from modelyard.config.pool_spec import PoolSpec
from modelyard.config.server_checks import missing_tracing_extra, server_errors, unknown_default_model
from modelyard.config.server_spec import ServerSpec
from modelyard.config.source_text import Source
from modelyard.config.spec_cache import SpecCache
from modelyard.config.spec_file import SpecFile
from modelyard.config.tree import Document, Mapping

N = TypeVar("N", ModelSpec, PoolSpec)

SERVER_FILE, MODELS_FOLDER, POOLS_FOLDER = "server.yaml", "models", "pools"


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
        return None if spec.pool is None else {pool.name: pool for pool in self.pools}[spec.pool]


def load(config_dir: Path, environ: Map[str, str], cache: SpecCache | None = None) -> Config:
    """Read `server.yaml`, which may be missing, and any number of `models/*.yaml` and `pools/*.yaml`.

    `environ` has the values of `${NAME}`. Files whose text has not changed since the last load with this `cache` are not parsed
    again. Raises SpecError with the errors of all files.
    """
    try:
        problems = list(_layout_errors(config_dir))
        server_files, pool_files, model_files = _files(config_dir)
        models_there = (config_dir / MODELS_FOLDER).is_dir()
    except OSError as error:
        wrong = f"cannot be read: {error.strerror}"
        raise SpecError((Diagnostic(str(error.filename or config_dir), 0, 0, wrong),)) from error
    cache = cache or SpecCache()
    cache.begin(environ)
    servers = [cache.server(path) for path in server_files]
    server_file = servers[0].document if servers else Document(Source(SERVER_FILE, ""))
    server = (servers[0].spec if servers else None) or ServerSpec()
    shared = _defaults(servers[0]) if servers else None
    pools = [cache.pool(path) for path in pool_files]
    models = [cache.model(path, shared) for path in model_files]
    cache.keep_only({*server_files, *pool_files, *model_files})
    room = _insufficient_resources(server, [*pools, *models])
    read: list[SpecFile[ServerSpec] | SpecFile[PoolSpec] | SpecFile[ModelSpec]] = [*servers, *pools, *models]
    for file in read:
        problems += file.problems()
    claims = [claimed for each in models if (claimed := claim(each.document))]
    problems += conflicts(claims)
    problems += pool_conflicts(each.document for each in pools)
    problems += pools_on_cluster(server, [each.document for each in pools])
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


def _defaults(server: SpecFile[ServerSpec]) -> Mapping | None:
    """The nodes of `defaults`; None if there are none, or if the file has errors."""
    shared = server.node.entries.get("defaults") if server.spec and server.node else None
    return shared if isinstance(shared, Mapping) else None


def _insufficient_resources(
    server: ServerSpec, files: Iterable[SpecFile[ModelSpec] | SpecFile[PoolSpec]]
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
    pools: Sequence[SpecFile[PoolSpec]],
    models: Sequence[SpecFile[ModelSpec]],
    folder: str,
) -> Iterator[Diagnostic]:
    """Errors of models that name a pool, and of models that do not."""
    # A pool whose file has errors exists: its models have no errors because of it.
    paths = {each.path.stem: str(each.path) for each in pools if not name_in(each.document)}
    paths |= {named[0]: str(each.path) for each in pools if (named := name_in(each.document))}
    if shared is not None:
        yield from unknown_pool(shared, paths, folder)
    defaults_known = not server_file.problems
    members = []
    for each in models:
        own = each.document.root
        if isinstance(own, Mapping) and each.node:
            yield from unknown_pool(own, paths, folder)
            if defaults_known or "pool" in own.entries:
                yield from misplaced_keys(own, each.node, paths, folder)
            if defaults_known and each.spec:
                members.append(Member(each.spec, own))
    yield from mixed_trust(members)


def _by_name(files: Sequence[SpecFile[N]]) -> tuple[N, ...]:
    return tuple(sorted((each.spec for each in files if each.spec), key=lambda spec: spec.name))

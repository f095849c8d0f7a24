"""Reads the files of a configuration, and keeps the result: a server with a thousand models parses the one file that was edited."""

from collections.abc import Callable
from collections.abc import Mapping as Map
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelyard.config import source_text
from modelyard.config.diagnostic import SpecError
from modelyard.config.env_vars import expand
from modelyard.config.model_spec import ModelSpec
from modelyard.config.pool_spec import PoolSpec
from modelyard.config.server_spec import ServerSpec
from modelyard.config.source_text import Source
from modelyard.config.spec_file import SpecFile, as_model, as_pool, as_server
from modelyard.config.tree import Document, Mapping
from modelyard.config.yaml_parser import parse


@dataclass(frozen=True, slots=True)
class _Known:
    """What a file was read as, and from what."""

    text: str
    shared: Mapping | None
    """The nodes of `defaults`, by identity: the defaults of another reading of server.yaml have other places."""
    file: SpecFile[Any]


class SpecCache:
    """The files as they were read last. A file is read each time, and parsed only if its text has changed. For one thread."""

    def __init__(self) -> None:
        self._known: dict[Path, _Known] = {}
        self._environ: Map[str, str] = {}

    def copy(self) -> "SpecCache":
        """A copy for another thread."""
        other = SpecCache()
        other._known, other._environ = dict(self._known), self._environ
        return other

    def begin(self, environ: Map[str, str]) -> None:
        """Set the values of `${NAME}`. Other values than before change what every file is read as."""
        if self._environ != environ:
            self._known, self._environ = {}, dict(environ)

    def keep_only(self, paths: AbstractSet[Path]) -> None:
        """Drop all other files."""
        self._known = {path: known for path, known in self._known.items() if path in paths}

    def server(self, path: Path) -> SpecFile[ServerSpec]:
        """`server.yaml`."""
        return self._read(path, None, lambda document: as_server(document, path))

    def pool(self, path: Path) -> SpecFile[PoolSpec]:
        """A pool's file."""
        return self._read(path, None, lambda document: as_pool(document, path))

    def model(self, path: Path, shared: Mapping | None) -> SpecFile[ModelSpec]:
        """A model's file; `shared` are the nodes of `defaults`."""
        return self._read(path, shared, lambda document: as_model(document, path, shared))

    def _read(self, path: Path, shared: Mapping | None, read_as: Callable[[Document], SpecFile[Any]]) -> SpecFile[Any]:
        try:
            source = source_text.read(path)
        except SpecError as error:
            self._known.pop(path, None)
            return read_as(Document(Source(str(path), ""), problems=list(error.diagnostics)))
        known = self._known.get(path)
        if known and known.text == source.text and known.shared is shared:
            return known.file
        document = parse(source)
        expand(document, self._environ)
        file = read_as(document)
        self._known[path] = _Known(source.text, shared, file)
        return file

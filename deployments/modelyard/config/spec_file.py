"""Reads the tree of one YAML file as a spec, with all errors in it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import ValidationError

from modelyard.config import suggestions
from modelyard.config.defaults import with_defaults
from modelyard.config.diagnostic import Diagnostic
from modelyard.config.model_spec import ModelSpec, slug
from modelyard.config.pool_spec import PoolSpec
from modelyard.config.server_spec import ServerSpec
from modelyard.config.source_text import Source
from modelyard.config.spec_base import Spec
from modelyard.config.syntax_errors import merge_conflict
from modelyard.config.tree import Document, Mapping, Node, Scalar, plain
from modelyard.config.value_errors import describe_value, leading_zeros, value_errors

S = TypeVar("S", bound=Spec)

MAX_ERRORS = 100
"""Maximum number of errors that are reported for one file."""


@dataclass(frozen=True, slots=True)
class SpecFile(Generic[S]):
    """A file of a server, a model or a pool."""

    document: Document
    path: Path
    spec: S | None = None
    """None if the file has errors, or no keys."""
    node: Mapping | None = None
    """Its nodes with the defaults merged; None if it is no mapping."""

    def problems(self) -> Iterator[Diagnostic]:
        """The first error at each place, since others at the same place are consequences of it."""
        first: dict[tuple[str, int, int], Diagnostic] = {}
        for problem in self.document.problems:
            first.setdefault((problem.path, problem.line, problem.column), problem)
        shown = sorted(first.values(), key=lambda problem: problem.line)
        yield from shown[:MAX_ERRORS]
        for problem in shown[MAX_ERRORS : MAX_ERRORS + 1]:
            yield replace(problem, message="there are more errors from here on", suggestion="fix the others first")


def as_server(document: Document, path: Path) -> SpecFile[ServerSpec]:
    """`server.yaml`, which may have no keys."""
    root = None if document.is_empty else _root(document)
    return SpecFile(document, path, _validated(ServerSpec, document, root) if root else None, root)


def as_pool(document: Document, path: Path) -> SpecFile[PoolSpec]:
    """A pool's file."""
    root = _root(document)
    return SpecFile(document, path, _validated(PoolSpec, document, root) if root else None, root)


def as_model(document: Document, path: Path, shared: Mapping | None) -> SpecFile[ModelSpec]:
    """A model's file, with the defaults of server.yaml."""
    root = _root(document)
    if root and shared:
        root = with_defaults(root, shared)
    spec = _validated(ModelSpec, document, root, free=("options",)) if root else None
    return SpecFile(document, path, spec, root)


def _root(document: Document) -> Mapping | None:
    """The keys of the file; None if it has none, which is reported."""
    root = document.root
    if root is None or document.is_empty:
        if not document.problems:
            hint = f"write 'name: {slug(Path(document.source.path).stem) or '...'}'"
            document.problems.append(document.source.diagnostic(0, 0, "the file is empty", suggestion=hint))
    elif isinstance(root, Mapping):
        return root
    else:
        document.problems.append(_not_a_mapping(document.source, root))
    return None


def _validated(spec: type[S], document: Document, root: Mapping, free: tuple[str, ...] = ()) -> S | None:
    """The spec, or None after adding the errors to the document's problems. The content of keys in `free` is not checked."""
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

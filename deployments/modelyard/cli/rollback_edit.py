"""Implements `modelyard rollback`: sets another default version in the model's file, and applies it."""

import codecs
import difflib
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from modelyard.cli.changes import apply_changes
from modelyard.cli.control_client import running_server
from modelyard.config.diagnostic import Diagnostic, SpecError
from modelyard.config.edit import CannotEdit, with_keys
from modelyard.config.load import MODELS_FOLDER, Config, load
from modelyard.config.model_spec import ModelSpec
from modelyard.config.source_text import read
from modelyard.control.status import ModelStatus
from modelyard.repository.pin import NoSuchVersion, pinned
from modelyard.repository.resolve import Rejected, resolve
from modelyard.repository.scan import DigestCache, scan


@dataclass(frozen=True, slots=True)
class Edit:
    """The change of a model's file."""

    path: Path
    before: str
    after: str
    version: int
    """The default version after the change."""

    def diff(self) -> str:
        """The change as a unified diff."""
        before, after, path = self.before.splitlines(), self.after.splitlines(), str(self.path)
        return "\n".join(difflib.unified_diff(before, after, path, path, lineterm="", n=1))

    def write(self) -> None:
        """Replace the file atomically, and keep its mode and byte order mark. Raises OSError."""
        path = self.path.resolve()  # a link remains a link
        mark = codecs.BOM_UTF8 if path.read_bytes().startswith(codecs.BOM_UTF8) else b""
        partial = path.with_name(f".{path.name}.partial")
        partial.write_bytes(mark + self.after.encode())
        shutil.copymode(path, partial)
        partial.replace(path)


def rollback_edit(config_dir: Path, name: str, to: int | None) -> Edit:
    """The edit that makes version `to` the default, or the one before the current default.

    Raises SpecError.
    """
    config = load(config_dir, os.environ)
    specs = {spec.name: spec for spec in config.models}
    if name not in specs:
        near = difflib.get_close_matches(name, specs, 1)
        hint = f"did you mean {near[0]!r}?" if near else ""
        wrong = f"no model {name!r} is configured"
        raise SpecError((Diagnostic(str(config_dir / MODELS_FOLDER), 0, 0, wrong, suggestion=hint),))
    try:
        return _edit(config, specs[name], to)
    except (NoSuchVersion, CannotEdit) as error:
        raise SpecError((Diagnostic(str(config.sources[name]), 0, 0, str(error)),)) from None


def apply_edit(config_dir: Path, name: str, edit: Edit, wait_s: float) -> ModelStatus | None:
    """Write the file, and make the running server apply it.

    Returns the model's status when it no longer changes, or after `wait_s`; None if no server is running. Raises OSError, and the
    errors of `changes.apply_changes`.
    """
    edit.write()
    if running_server(config_dir) is None:
        return None
    applied = apply_changes(config_dir, allow_removals=False, wait_s=wait_s)
    return next(status for status in applied.statuses or () if status.name == name)


def _edit(config: Config, spec: ModelSpec, to: int | None) -> Edit:
    settle_s = config.server.repository.settle_s
    snapshot = scan(config.repository_root, {spec.folder}, settle_s=settle_s, now=time.time, cache=DigestCache())
    folder = snapshot.folders[spec.folder]
    complete = {version.number for version in folder.versions if version.settled or version.was_settled}
    values = pinned(spec, complete, to)
    changed = resolve(spec.model_copy(update=values), folder)
    if isinstance(changed, Rejected):
        raise NoSuchVersion(changed.reason)
    source = read(config.sources[spec.name])
    return Edit(config.sources[spec.name], source.text, with_keys(source, values), changed.default)

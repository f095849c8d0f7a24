"""Files beside the ones that are read, which somebody may have meant to be read."""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from modelyard.config.diagnostic import Diagnostic

YAML_SUFFIXES = (".yaml", ".yml")
MAX_WARNINGS = 20
_HIDDEN_PREFIXES = (".", "#", "~")
"""What editors and tools hide or keep begins so: .x.yaml, .x.yaml.swp, #x.yaml#."""
_BACKUP_SUFFIXES = ("~", ".swp", ".tmp", ".partial")
"""What editors keep or are about to rename ends so."""
_DOCUMENT_SUFFIXES = (".md", ".rst")
_NAME = re.compile(r"^name:", re.MULTILINE)
_HEAD_CHARS = 4096


def is_model_file(name: str) -> bool:
    """Whether a file of this name in the folder of models is read."""
    return name.endswith(YAML_SUFFIXES) and not name.startswith(_HIDDEN_PREFIXES)


def ignored_files(config_dir: Path) -> Iterator[Diagnostic]:
    """A warning for each file or folder that is passed over and looks as if it were meant. Raises OSError."""
    found = [*_beside_server(config_dir), *_in_models(config_dir / "models")]
    yield from found[:MAX_WARNINGS]
    if len(found) > MAX_WARNINGS:
        yield _warning(config_dir, f"{len(found) - MAX_WARNINGS} more files are not read")


def _in_models(folder: Path) -> Iterator[Diagnostic]:
    for entry in _listed(folder):
        name, path = entry.name, folder / entry.name
        if name.startswith(_HIDDEN_PREFIXES) or name.endswith((*_BACKUP_SUFFIXES, *_DOCUMENT_SUFFIXES)):
            continue
        if entry.is_dir():
            yield _warning(path, "a folder below models is not read", "put the files of models into models itself")
        elif not is_model_file(name):
            yield _warning(path, "this file is not read", f"a model's file is named {_model_file_name(name)}")


def _beside_server(config_dir: Path) -> Iterator[Diagnostic]:
    """What may be the server's file or a model's; other files of this folder are no concern of ours."""
    for entry in _listed(config_dir):
        name, path = entry.name, config_dir / entry.name
        if (
            name.startswith(_HIDDEN_PREFIXES)
            or name.endswith(_BACKUP_SUFFIXES)
            or name in ("server.yaml", "server.yml", "models")
        ):
            continue
        stem, *endings = name.lower().split(".")
        if entry.is_dir():
            if name.lower() in ("models", "model"):
                yield _warning(path, "this folder is not read", "its name must be models")
        elif stem == "server" and not {*endings}.isdisjoint(("yaml", "yml", "json")):
            yield _warning(path, "this file is not read", "its name must be server.yaml")
        elif name.lower().endswith(YAML_SUFFIXES) and _names_a_model(path):
            yield _warning(path, "this file is not read", "a model's file belongs into the folder models")


def _names_a_model(path: Path) -> bool:
    try:
        with path.open(errors="replace") as file:
            return _NAME.search(file.read(_HEAD_CHARS)) is not None
    except OSError:
        return False


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:  # what keeps the folder from being read is an error of its own
        return []


def _model_file_name(name: str) -> str:
    return f"{name.partition('.')[0] or 'churn'}.yaml"


def _warning(path: Path, message: str, suggestion: str = "") -> Diagnostic:
    return replace(Diagnostic(str(path), 0, 0, message, suggestion=suggestion), severity="warning")

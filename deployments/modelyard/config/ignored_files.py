"""Warnings for files that are ignored but look like configuration."""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from modelyard.config.diagnostic import Diagnostic

YAML_SUFFIXES = (".yaml", ".yml")
FOLDERS = ("models", "pools")
MAX_WARNINGS = 20
_HIDDEN_PREFIXES = (".", "#", "~")
"""Hidden files and editors' temporary files: .x.yaml, .x.yaml.swp, #x.yaml#."""
_BACKUP_SUFFIXES = ("~", ".swp", ".tmp", ".partial")
"""Editors' backups, and files that are about to be renamed."""
_DOCUMENT_SUFFIXES = (".md", ".rst")
_NAME = re.compile(r"^name:", re.MULTILINE)
_HEAD_CHARS = 4096


def is_model_file(name: str) -> bool:
    """Whether a file with this name in the folder models or pools is read."""
    return name.endswith(YAML_SUFFIXES) and not name.startswith(_HIDDEN_PREFIXES)


def ignored_files(config_dir: Path) -> Iterator[Diagnostic]:
    """A warning for each ignored file or folder that looks like configuration. Raises OSError."""
    found = [*_beside_server(config_dir), *(each for name in FOLDERS for each in _inside(config_dir / name))]
    yield from found[:MAX_WARNINGS]
    if len(found) > MAX_WARNINGS:
        yield _warning(config_dir, f"{len(found) - MAX_WARNINGS} more files are ignored")


def _inside(folder: Path) -> Iterator[Diagnostic]:
    for entry in _listed(folder):
        name, path = entry.name, folder / entry.name
        if name.startswith(_HIDDEN_PREFIXES) or name.endswith((*_BACKUP_SUFFIXES, *_DOCUMENT_SUFFIXES)):
            continue
        if entry.is_dir():
            yield _warning(
                path, f"subfolders of {folder.name} are ignored", f"move its files into the folder {folder.name}"
            )
        elif not is_model_file(name):
            yield _warning(path, "this file is ignored", f"rename it to {_model_file_name(name)}")


def _beside_server(config_dir: Path) -> Iterator[Diagnostic]:
    """Files that may be the server's or a model's. Other files in this folder are not checked."""
    for entry in _listed(config_dir):
        name, path = entry.name, config_dir / entry.name
        if (
            name.startswith(_HIDDEN_PREFIXES)
            or name.endswith(_BACKUP_SUFFIXES)
            or name in ("server.yaml", "server.yml", *FOLDERS)
        ):
            continue
        stem, *endings = name.lower().split(".")
        if entry.is_dir():
            if (right := f"{name.lower().removesuffix('s')}s") in FOLDERS:
                yield _warning(path, "this folder is ignored", f"its name must be {right}")
        elif stem == "server" and not {*endings}.isdisjoint(("yaml", "yml", "json")):
            yield _warning(path, "this file is ignored", "its name must be server.yaml")
        elif name.lower().endswith(YAML_SUFFIXES) and _names_a_model(path):
            yield _warning(
                path, "this file is ignored", "model files belong in the folder models, files of pools in pools"
            )


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
    except OSError:  # reported elsewhere as an error
        return []


def _model_file_name(name: str) -> str:
    return f"{name.partition('.')[0] or 'churn'}.yaml"


def _warning(path: Path, message: str, suggestion: str = "") -> Diagnostic:
    return replace(Diagnostic(str(path), 0, 0, message, suggestion=suggestion), severity="warning")

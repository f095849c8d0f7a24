"""Reports problems of the model repository at the related place in the model's file."""

import difflib
import os
from collections.abc import Iterator
from dataclasses import replace

from modelyard.config.diagnostic import Diagnostic
from modelyard.config.load import Config
from modelyard.control.desired import DesiredState
from modelyard.edge.tls import TlsError, read_tls_bundle
from modelyard.repository.resolve import Rejected


def rejected_models(desired: DesiredState, findings: dict[str, str]) -> Iterator[Diagnostic]:
    """An error for each model that cannot be served, and for each of the `findings`, which are reasons by model."""
    config = desired.config
    if missing := _no_repository(desired):
        yield missing
        return
    refused = {model.name: model for model in desired.models if isinstance(model, Rejected)}
    for name, reason in sorted({**{name: model.reason for name, model in refused.items()}, **findings}.items()):
        model = refused.get(name)
        suggestion = _folder_nearest_to(config, name) if model and model.place is None else ""
        key = model.key if model else "labels" if "labels" in reason else "name"
        yield replace(_at(config, name, key), message=f"{name}: {reason}", suggestion=suggestion)


def tls_problems(config: Config) -> Iterator[Diagnostic]:
    """An error if the TLS files are not a valid certificate and its key."""
    if config.server.tls is not None:
        try:
            read_tls_bundle(config.server.tls, config.root)
        except TlsError as error:
            yield Diagnostic("server.yaml", 0, 0, f"tls: {error}")


def _no_repository(desired: DesiredState) -> Diagnostic | None:
    """One error in place of an error for each model."""
    config = desired.config
    root = config.repository_root
    if root.is_dir() or not desired.refused:
        return None
    wrong = "is not a folder" if root.exists() else "does not exist"
    hint = "set repository.path in server.yaml"
    return Diagnostic(str(root), 0, 0, f"the model repository {wrong}, so no model can be served", suggestion=hint)


def _at(config: Config, name: str, key: str) -> Diagnostic:
    node = config.model_nodes.get(name)
    if node is None:
        return Diagnostic(str(config.sources[name]), 0, 0, "")
    return (node.entries[key] if key in node.entries else node.entries["name"]).span.diagnostic("")


def _folder_nearest_to(config: Config, name: str) -> str:
    wanted = next(model.folder for model in config.models if model.name == name)
    try:
        folders = [
            entry.name for entry in os.scandir(config.repository_root) if entry.is_dir() and entry.name[0] != "."
        ]
    except OSError:
        return ""
    by_lower_case = {folder.lower(): folder for folder in sorted(folders)}
    near = difflib.get_close_matches(wanted.lower(), by_lower_case, 1)
    if near:
        return f"did you mean the folder {by_lower_case[near[0]]}? If so, add 'path: {by_lower_case[near[0]]}'"
    shown = ", ".join(sorted(folders)[:8])
    return f"the repository contains {shown}" if shown else "the repository is empty"

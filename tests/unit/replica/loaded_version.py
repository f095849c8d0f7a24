"""A version in a temporary repository, loaded as in a replica."""

import hashlib
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from modelyard.config.model_spec import ModelSpec
from modelyard.protocols.loaded_version import LoadedVersion
from modelyard.replica.loading import start_loading
from modelyard.repository.digest import ManifestEntry, digest
from modelyard.repository.resolve import ServedVersion


def loading(root: Path, files: Mapping[str, bytes], runtime: str = "python", **keys: Any) -> Future[LoadedVersion]:
    """Version 1 of the model "m", with these files."""
    for name, content in files.items():
        path = root / "m" / "1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    lines = [ManifestEntry(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in sorted(files.items())]
    entry = {"runtime": "python:model:Model"} if runtime == "python" else {}
    spec = ModelSpec.model_validate({"name": "m", "trusted": True, **entry, **keys})
    return start_loading(spec, runtime, root, ServedVersion(1, digest(lines)))

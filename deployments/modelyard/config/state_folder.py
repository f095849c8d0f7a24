"""Where the state of a server is, and whether it serves here: read from server.yaml in a hurry, before anything is validated.

The command asks the running server, which may run although server.yaml has a mistake by now. Most files name neither key, and
then not even the parser is imported.
"""

import re
from collections.abc import Mapping as Map
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelyard.config.tree import Node

STATE, LOCAL = ".modelyard", "local"
_COMMENT = re.compile(rb"^\s*#.*$", re.MULTILINE)
_NAMED = re.compile(rb"state|address|\\")
"""One of the keys may be written; in quotes a character may be an escape."""


def state_folder(config_dir: Path, environ: Map[str, str]) -> Path | None:
    """The state folder of a server on this machine; None where `ray.address` names a cluster. Mistakes are the defaults."""
    state, address = _written(config_dir / "server.yaml", environ)
    return Path(config_dir).absolute().parent / (state or STATE) if address in ("", LOCAL) else None


def _written(file: Path, environ: Map[str, str]) -> tuple[str, str]:
    """`state` and `ray.address`, "" where they are not written or cannot be read."""
    try:
        if not _NAMED.search(_COMMENT.sub(b"", file.read_bytes())):
            return "", ""
    except OSError:
        return "", ""
    from modelyard.config.diagnostic import SpecError  # noqa: PLC0415 - as the module's text says
    from modelyard.config.env_vars import expand  # noqa: PLC0415
    from modelyard.config.source_text import read  # noqa: PLC0415
    from modelyard.config.yaml_parser import parse  # noqa: PLC0415

    try:
        document = parse(read(file))
    except SpecError:
        return "", ""
    expand(document, environ)
    return _text(document.root, "state"), _text(document.root, "ray", "address")


def _text(node: "Node | None", *keys: str) -> str:
    from modelyard.config.tree import Mapping, Scalar  # noqa: PLC0415

    for key in keys:
        node = node.entries.get(key) if isinstance(node, Mapping) else None
    return node.text if isinstance(node, Scalar) and not node.broken else ""

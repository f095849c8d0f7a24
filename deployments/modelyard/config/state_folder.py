"""Finds a server's state folder from server.yaml without validating the file.

Commands need it to reach the running server, also if server.yaml has errors by now. Most files set neither of the two keys, and
then the YAML parser is not imported.
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
"""The file may set one of the keys. In quotes, a character may be written as an escape."""


def state_folder(config_dir: Path, environ: Map[str, str]) -> Path | None:
    """The state folder of a server on this machine; None if `ray.address` is a cluster. Invalid values count as the defaults."""
    state, address = _written(config_dir / "server.yaml", environ)
    return Path(config_dir).absolute().parent / (state or STATE) if address in ("", LOCAL) else None


def _written(file: Path, environ: Map[str, str]) -> tuple[str, str]:
    """`state` and `ray.address`; "" if they are missing or cannot be read."""
    try:
        if not _NAMED.search(_COMMENT.sub(b"", file.read_bytes())):
            return "", ""
    except OSError:
        return "", ""
    from modelyard.config.diagnostic import SpecError  # noqa: PLC0415 - only if needed, see above
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

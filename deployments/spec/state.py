"""Where the state of a server is, and whether it serves here: read from server.yaml in a hurry, before anything is validated.

The command asks the running server, which may run although server.yaml has a mistake by now.
"""

from collections.abc import Mapping as Map
from pathlib import Path

from deployments.spec.diagnostic import SpecError
from deployments.spec.environment import expand
from deployments.spec.source import read
from deployments.spec.tree import Document, Mapping, Node, Scalar
from deployments.spec.yaml import parse

STATE, LOCAL = ".modelyard", "local"


def state_folder(config_dir: Path, environ: Map[str, str]) -> Path | None:
    """The state folder of a server on this machine; None where `ray.address` names a cluster. Mistakes are the defaults."""
    root = _server_file(config_dir, environ)
    ray = root.entries.get("ray") if root else None
    address = ray.entries.get("address") if isinstance(ray, Mapping) else None
    if _text(address, LOCAL) != LOCAL:
        return None
    state = root.entries.get("state") if root else None
    return Path(config_dir).absolute().parent / _text(state, STATE)


def _server_file(config_dir: Path, environ: Map[str, str]) -> Mapping | None:
    try:
        document: Document = parse(read(config_dir / "server.yaml"))
    except SpecError:
        return None
    expand(document, environ)
    return document.root if isinstance(document.root, Mapping) else None


def _text(node: Node | None, default: str) -> str:
    return node.text if isinstance(node, Scalar) and node.text and not node.broken else default

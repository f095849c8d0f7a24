"""Checks of server.yaml across keys and against the machine: files, ports, and keys that a cluster ignores."""

import difflib
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from modelyard.config.diagnostic import Diagnostic
from modelyard.config.server_spec import ServerSpec
from modelyard.config.source_text import Span
from modelyard.config.tree import Document, Location, Mapping, locate

IGNORED_ON_CLUSTER: Map[tuple[str, ...], str] = {
    ("tls",): "connections are neither encrypted nor authenticated there",
    ("http", "cors"): "",
    ("grpc",): "gRPC is not available there",
    ("connections",): "",
    ("default_model",): "",
    ("metrics", "edge_port"): "",
    ("metrics", "ray_port"): "",
    ("ray", "cpus"): "the cluster's nodes declare their own cores",
}
"""Keys of the edge and of embedded Ray, which a cluster does not have, with the consequence of ignoring them."""
TRACING_MODULE = "opentelemetry.exporter.otlp.proto.http"
"""Installed by the extra `tracing`."""
ALL_INTERFACES = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


def server_errors(server: ServerSpec, document: Document, root: Path) -> Iterator[Diagnostic]:
    """Errors of a valid server.yaml. Relative paths in it start at `root`."""
    if not isinstance(document.root, Mapping):
        return
    places = _WrittenKeys(document.root)
    if server.ray.address == "local":
        yield from _missing_files(server, places, root)
    else:
        yield from _ignored_keys(server, places)
    yield from _port_conflicts(server, places)


def unknown_default_model(server: ServerSpec, document: Document, names: Sequence[str]) -> Iterator[Diagnostic]:
    """An error if `default_model` is not configured."""
    root, name = document.root, server.default_model
    if name is not None and name not in names and isinstance(root, Mapping):
        near = difflib.get_close_matches(name, names, 1)
        hint = f"did you mean {near[0]!r}?" if near else ""
        yield root.entries["default_model"].span.diagnostic(f"there is no model {name!r}", hint)


def missing_tracing_extra(server: ServerSpec, document: Document) -> Iterator[Diagnostic]:
    """An error if `tracing` is set and the exporter is not installed."""
    if server.tracing is not None and isinstance(document.root, Mapping) and not _is_installed(TRACING_MODULE):
        missing = "tracing needs OpenTelemetry's exporter, which is not installed"
        yield document.root.keys["tracing"].diagnostic(missing, "pip install 'modelyard[tracing]'")


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a parent package is missing
        return False


@dataclass(frozen=True, slots=True)
class _WrittenKeys:
    root: Mapping

    def written(self, loc: Location) -> bool:
        """Whether the key is in the file."""
        node: object = self.root
        for part in loc:
            if not isinstance(node, Mapping) or part not in node.entries:
                return False
            node = node.entries[str(part)]
        return True

    def key(self, loc: tuple[str, ...]) -> Span:
        """The place of a key that is in the file."""
        section, span = locate(self.root, loc[:-1])
        return section.keys[loc[-1]] if isinstance(section, Mapping) else span

    def value(self, loc: tuple[str, ...]) -> Span:
        """The place of a value that is in the file."""
        return locate(self.root, loc)[1]


def _ignored_keys(server: ServerSpec, places: _WrittenKeys) -> Iterator[Diagnostic]:
    for loc, consequence in IGNORED_ON_CLUSTER.items():
        if places.written(loc):
            what = f"{'.'.join(loc)} has no effect on a cluster (ray.address is {server.ray.address})"
            yield places.key(loc).diagnostic(f"{what}: {consequence}" if consequence else what, "remove it")


def _missing_files(server: ServerSpec, places: _WrittenKeys, root: Path) -> Iterator[Diagnostic]:
    for key in ("certificate", "key", "client_ca") if server.tls else ():
        name = getattr(server.tls, key)
        if name is not None and not (path := root / name).is_file():
            wrong = "is not a file" if path.exists() else "does not exist"
            hint = "relative paths start at the parent of the configuration folder"
            yield places.value(("tls", key)).diagnostic(f"{path} {wrong}", "" if Path(name).is_absolute() else hint)


def _port_conflicts(server: ServerSpec, places: _WrittenKeys) -> Iterator[Diagnostic]:
    """Ports of several listeners, reported at each listener that is in the file: a default has no place."""
    for loc, host, port in server.listeners:
        others = [
            other
            for other, where, number in server.listeners
            if other != loc and number == port and _overlap(host, where)
        ]
        if others and places.written(loc):
            names = " and ".join(".".join(other) for other in others)
            default = "" if all(map(places.written, others)) else " by default"
            yield places.value(loc).diagnostic(
                f"port {port} is also used by {names}{default}", "use a different port for each"
            )


def _overlap(host: str, other: str) -> bool:
    """Whether listeners on both addresses can conflict."""
    return host == other or host in ALL_INTERFACES or other in ALL_INTERFACES or "localhost" in (host, other)

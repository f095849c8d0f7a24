"""Values of server.yaml that are valid each, and cannot work where they stand: each at its place in the file."""

from collections.abc import Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass
from pathlib import Path

from modelyard.config.diagnostic import Diagnostic
from modelyard.config.server_spec import ServerSpec
from modelyard.config.source_text import Span
from modelyard.config.tree import Document, Location, Mapping, locate

IGNORED_ON_CLUSTER: Map[tuple[str, ...], str] = {
    ("tls",): "clients speak plain text there, and anybody is let in",
    ("http", "cors"): "",
    ("grpc",): "gRPC is not served there",
    ("connections",): "",
    ("default_model",): "",
    ("metrics", "edge_port"): "",
    ("metrics", "ray_port"): "",
    ("ray", "cpus"): "the cluster's nodes say what they have",
}
"""Keys that our frontends or our own Ray read, with what follows from their absence. A cluster has neither."""
ALL_INTERFACES = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


def server_errors(server: ServerSpec, document: Document, root: Path) -> Iterator[Diagnostic]:
    """What cannot work of a server.yaml that is valid; `root` is where its relative paths start."""
    if not isinstance(document.root, Mapping):
        return
    places = _WrittenKeys(document.root)
    if server.ray.address == "local":
        yield from _missing_files(server, places, root)
    else:
        yield from _ignored_keys(server, places)
    yield from _port_conflicts(server, places)


@dataclass(frozen=True, slots=True)
class _WrittenKeys:
    root: Mapping

    def written(self, loc: Location) -> bool:
        """Whether the file has this key."""
        node: object = self.root
        for part in loc:
            if not isinstance(node, Mapping) or part not in node.entries:
                return False
            node = node.entries[str(part)]
        return True

    def key(self, loc: tuple[str, ...]) -> Span:
        """Of a key that is written."""
        section, span = locate(self.root, loc[:-1])
        return section.keys[loc[-1]] if isinstance(section, Mapping) else span

    def value(self, loc: tuple[str, ...]) -> Span:
        """Of a value that is written."""
        return locate(self.root, loc)[1]


def _ignored_keys(server: ServerSpec, places: _WrittenKeys) -> Iterator[Diagnostic]:
    for loc, so in IGNORED_ON_CLUSTER.items():
        if places.written(loc):
            what = f"{'.'.join(loc)} has no effect on a cluster (ray.address is {server.ray.address})"
            yield places.key(loc).diagnostic(f"{what}: {so}" if so else what, "remove it")


def _missing_files(server: ServerSpec, places: _WrittenKeys, root: Path) -> Iterator[Diagnostic]:
    for key in ("certificate", "key", "client_ca") if server.tls else ():
        name = getattr(server.tls, key)
        if name is not None and not (path := root / name).is_file():
            wrong = "is not a file" if path.exists() else "does not exist"
            hint = "relative paths start at the folder above the configuration"
            yield places.value(("tls", key)).diagnostic(f"{path} {wrong}", "" if Path(name).is_absolute() else hint)


def _port_conflicts(server: ServerSpec, places: _WrittenKeys) -> Iterator[Diagnostic]:
    """A port that two listeners want: told at each that is written, for a default has no place."""
    for loc, host, port in server.listeners:
        rivals = [
            other
            for other, where, number in server.listeners
            if other != loc and number == port and _overlap(host, where)
        ]
        if rivals and places.written(loc):
            names = " and ".join(".".join(rival) for rival in rivals)
            default = "" if all(map(places.written, rivals)) else " by default"
            yield places.value(loc).diagnostic(f"{port} is also the port of {names}{default}", "each needs its own")


def _overlap(host: str, other: str) -> bool:
    """Whether both addresses can be the same machine's same address."""
    return host == other or host in ALL_INTERFACES or other in ALL_INTERFACES or "localhost" in (host, other)

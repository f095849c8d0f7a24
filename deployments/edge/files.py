"""The edge's files on disk, and the launcher that Ray Serve starts in HAProxy's place."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deployments.edge.render import render, render_routes
from deployments.spec.server import ServerSpec

LAUNCHER = Path(__file__).parent / "haproxy-launcher"


@dataclass(frozen=True, slots=True)
class EdgeFiles:
    """Where the launcher looks; the names are known to it too."""

    folder: Path

    def write(self, server: ServerSpec, custom_routes: Mapping[str, str]) -> bool:
        """Write what differs; whether anything did. Each file is replaced at once: HAProxy may start at any moment."""
        routes_map = self.folder / "routes.map"
        texts = {
            routes_map: render_routes(custom_routes),
            self.folder / "edge.cfg": render(server, custom_routes, str(routes_map), starting=False),
            self.folder / "edge-starting.cfg": render(server, custom_routes, str(routes_map), starting=True),
        }
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        changed = [path for path, text in texts.items() if not path.exists() or path.read_text() != text]
        for path in changed:
            partial = path.with_suffix(".partial")
            partial.write_text(texts[path])
            partial.replace(path)
        return bool(changed)

    def error(self) -> str:
        """What HAProxy said against our files at its last start; "" when it took them."""
        report = self.folder / "error"
        return report.read_text().strip() if report.exists() else ""

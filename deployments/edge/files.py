"""The edge's files on disk, and the launcher that Ray Serve starts in HAProxy's place."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from deployments.edge.render import ON_DEMAND_FILE, REPLICAS_FILE, ROUTES_FILE, render, render_on_demand, render_routes
from deployments.spec.server import ServerSpec

LAUNCHER = Path(__file__).parent / "haproxy-launcher"


@dataclass(frozen=True, slots=True)
class EdgeFiles:
    """Where the launcher looks; the names are known to it too."""

    folder: Path

    def write(self, server: ServerSpec, custom_routes: Mapping[str, str], on_demand: Collection[str] = ()) -> None:
        """Write what differs; each file is replaced at once, since HAProxy may start at any moment.

        `on_demand` are the models that may be scaled to zero; for `custom_routes` see `render`.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._replace(ROUTES_FILE, render_routes(custom_routes))  # first: the others name them
        self._replace(ON_DEMAND_FILE, render_on_demand(on_demand))
        (self.folder / REPLICAS_FILE).touch()
        self._replace("edge.cfg", render(server, custom_routes, starting=False))
        self._replace("edge-starting.cfg", render(server, custom_routes, starting=True))

    def error(self) -> str:
        """What HAProxy said against our files at its last start; "" when it took them."""
        try:
            said = (self.folder / "error").read_text()
        except FileNotFoundError:
            return ""
        return "\n".join(line for line in said.splitlines() if not line.startswith("[NOTICE]"))

    def _replace(self, name: str, text: str) -> None:
        path = self.folder / name
        if not path.exists() or path.read_text() != text:
            partial = path.with_suffix(".partial")
            partial.write_text(text)
            partial.replace(path)

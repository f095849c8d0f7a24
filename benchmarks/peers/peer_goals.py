"""The goals relative to other servers, and whether a run reaches them."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.markdown import table
from benchmarks.peers import statistics
from benchmarks.peers.cells import CELLS
from benchmarks.peers.registry import OURS, PEERS
from benchmarks.peers.rounds import Measurement


@dataclass(frozen=True, slots=True)
class PeerGoal:
    """A limit for our value relative to that of another server in a cell."""

    cell: str
    peer: str
    limit: float
    is_time: bool = False
    """Whether the value is the p50, of which the limit is the maximum. Otherwise it is requests/s, with a minimum."""

    def row(self, measurements: Sequence[Measurement]) -> list[str] | None:
        """The row of the table; None if one of the two was not measured."""
        own, other = (statistics.of(measurements, name, self.cell) for name in (OURS, self.peer))
        ratio = statistics.ratio(own, other, statistics.p50_ms if self.is_time else statistics.rate)
        if ratio is None:
            return None
        reached = ratio.middle <= self.limit if self.is_time else ratio.middle >= self.limit
        value, bound = ("p50", "at most") if self.is_time else ("requests/s", "at least")
        figures = f"{ratio.middle:.2f}x ({ratio.low:.2f} to {ratio.high:.2f})"
        return [
            CELLS[self.cell].title,
            PEERS[self.peer].title,
            f"{value} {bound} {self.limit:g}x",
            f"{figures}, no difference" if ratio.is_noise else figures,
            "reached" if reached else "**missed**",
        ]


GOALS = (
    PeerGoal("rows-json", "uvicorn", 1.2),
    PeerGoal("mlp", "uvicorn", 1.6),
    PeerGoal("mlp", "mosec", 1.3),
    PeerGoal("mlp", "mosec-batching", 1.3),
    PeerGoal("json-64", "uvicorn", 1.2),
    PeerGoal("json-64", "mosec-batching", 1),
    PeerGoal("json-1", "uvicorn", 1.4, is_time=True),
    PeerGoal("binary", "uvicorn", 1.3),
    PeerGoal("grpc", "grpc-aio", 5),
    PeerGoal("iris", "fastapi", 10),
    PeerGoal("iris", "mlserver", 20),
    PeerGoal("forest", "fastapi", 12),
    PeerGoal("text", "fastapi", 10),
)


def goals_table(measurements: Sequence[Measurement]) -> str:
    """The goals that this run has measured; "" if there are none."""
    rows = [row for goal in GOALS if (row := goal.row(measurements))]
    return table(["cell", "relative to", "goal", "measured", ""], rows) if rows else ""

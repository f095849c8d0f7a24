"""Renders the results as Markdown and as charts."""

from collections.abc import Mapping, Sequence
from statistics import median

from benchmarks import machine
from benchmarks.markdown import table
from benchmarks.peers import statistics
from benchmarks.peers.cells import Cell
from benchmarks.peers.chart import Bar, bar_chart
from benchmarks.peers.peer import Peer
from benchmarks.peers.peer_goals import goals_table
from benchmarks.peers.registry import OURS
from benchmarks.peers.rounds import Measurement, Results

METHOD = """\
The load program is wrk, or h2load for gRPC, with one thread, on the same machine as the server. A load takes {seconds:g} s and
follows a warm-up. In a round, each server is started with one model, loaded and stopped, one server after the other; no other
server runs meanwhile. Before each load, the values of a response are checked. Values are medians ({rounds} rounds). Ratios are
of modelyard to the other server, inside a round; in parentheses are the lowest and the highest round. "No difference" means
that 1 is between them. CPU is of all processes of the server, from the kernel's accounts, per request. MB is their memory (PSS)
after the load. Start is the time from the command to the first right response. No request failed: one error excludes the server
from the cell. MLServer and MLflow return labels without scores for scikit-learn models."""

DASH = "-"
HEAD = (
    "server",
    "requests/s",
    "lowest",
    "highest",
    "modelyard's relative",
    "p50 ms",
    "p99 ms",
    "CPU us",
    "MB",
    "start s",
)


def render(
    command: str,
    peers: Sequence[Peer],
    cells: Sequence[Cell],
    results: Results,
    versions: Mapping[str, Mapping[str, str]],
    not_installed: Mapping[str, str],
    *,
    rounds: int,
    seconds: float,
) -> str:
    """The whole document. `versions` and `not_installed` (reasons) are by environment."""
    measured = [cell for cell in cells if any(each.cell == cell.name for each in results.measurements)]
    parts = [
        "# modelyard and other servers",
        machine.section(command),
        METHOD.format(rounds=rounds, seconds=seconds),
    ]
    if goals := goals_table(results.measurements):
        parts += ["## Goals", goals]
    parts += ["## Requests/s of modelyard relative to each server", ratios_table(peers, measured, results)]
    for cell in measured:
        parts += [f"## {cell.title}", f"![requests/s]({cell.name}.svg)", cell_table(peers, cell, results)]
    parts += ["## Servers", servers_table(peers, versions)]
    if problems := failures_table(peers, results, not_installed):
        parts += ["## Not measured", problems]
    return "\n\n".join(parts) + "\n"


def ratios_table(peers: Sequence[Peer], cells: Sequence[Cell], results: Results) -> str:
    """A row for each server, a column for each cell."""
    rows = []
    for peer in peers:
        if peer.name != OURS:
            ratios = [_relative(peer, cell, results) for cell in cells]
            rows.append([peer.title, *ratios])
    return table(["", *(f"`{cell.name}`" for cell in cells)], rows)


def _relative(peer: Peer, cell: Cell, results: Results) -> str:
    own, other = (statistics.of(results.measurements, name, cell.name) for name in (OURS, peer.name))
    ratio = statistics.ratio(own, other, statistics.rate)
    if ratio is None:
        return DASH
    return "no difference" if ratio.is_noise else f"{ratio.middle:.2f}x"


def cell_table(peers: Sequence[Peer], cell: Cell, results: Results) -> str:
    """A row for each server."""
    own = statistics.of(results.measurements, OURS, cell.name)
    rows = []
    for peer in peers:
        if found := statistics.of(results.measurements, peer.name, cell.name):
            ratio = statistics.ratio(own, found, statistics.rate) if peer.name != OURS else None
            rows.append([peer.title, *_figures(list(found.values()), str(ratio) if ratio else "")])
    return table(HEAD, rows)


def _figures(found: Sequence[Measurement], ratio: str) -> list[str]:
    rates = statistics.spread(map(statistics.rate, found))
    return [
        f"{rates.middle:,.0f}",
        f"{rates.low:,.0f}",
        f"{rates.high:,.0f}",
        ratio,
        f"{median(map(statistics.p50_ms, found)):.2f}",
        f"{median(each.sample.load.p99_ms for each in found):.2f}",
        f"{median(map(statistics.cpu_us, found)):,.0f}",
        f"{median(each.sample.pss_bytes for each in found) / 1e6:,.0f}",
        f"{median(each.started_s for each in found):.1f}",
    ]


def servers_table(peers: Sequence[Peer], versions: Mapping[str, Mapping[str, str]]) -> str:
    """Configurations and versions."""
    rows = []
    for peer in peers:
        packages = versions[peer.environment] if peer.environment else {}
        rows.append([peer.title, peer.configuration, ", ".join(f"{name} {each}" for name, each in packages.items())])
    return table(["server", "configuration", "versions"], rows)


def failures_table(peers: Sequence[Peer], results: Results, not_installed: Mapping[str, str]) -> str:
    """The servers that could not be installed or measured, with reasons; "" if there are none."""
    titles = {peer.name: peer.title for peer in peers}
    rows = [[name, "all", f"cannot be installed: {reason}"] for name, reason in not_installed.items()]
    rows += [[titles[peer], f"`{cell}`", reason] for (peer, cell), reason in results.failures.items()]
    return table(["server", "cell", "reason"], rows) if rows else ""


def charts(peers: Sequence[Peer], cells: Sequence[Cell], results: Results) -> Mapping[str, str]:
    """The SVG of each measured cell, by file name: requests/s, the fastest server first."""
    found = {}
    for cell in cells:
        bars = []
        for peer in peers:
            if measured := statistics.of(results.measurements, peer.name, cell.name):
                rates = statistics.spread(map(statistics.rate, measured.values()))
                bars.append(Bar(peer.title.strip("*`"), rates, emphasized=peer.name == OURS))
        if bars:
            ordered = sorted(bars, key=lambda bar: -bar.value.middle)
            found[f"{cell.name}.svg"] = bar_chart(f"{cell.title}: requests/s", ordered)
    return found

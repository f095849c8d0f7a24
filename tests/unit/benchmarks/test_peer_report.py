"""Ratios inside rounds, goals, tables and charts."""

import xml.etree.ElementTree as ElementTree

import pytest

from benchmarks.load import Load
from benchmarks.load_rounds import Sample
from benchmarks.peers import statistics
from benchmarks.peers.cells import CELLS
from benchmarks.peers.chart import Bar, bar_chart
from benchmarks.peers.peer_goals import GOALS, goals_table
from benchmarks.peers.peer_report import cell_table, charts, failures_table, ratios_table, render
from benchmarks.peers.registry import OURS, PEERS
from benchmarks.peers.rounds import Measurement, Results
from benchmarks.peers.statistics import Spread

SHOWN = [PEERS[OURS], PEERS["uvicorn"], PEERS["grpc-aio"]]


def measurement(peer: str, number: int, rate: float, *, cell: str = "json-64", p50_ms: float = 1) -> Measurement:
    load = Load(requests=100, requests_per_s=rate, p50_ms=p50_ms, p99_ms=9)
    sample = Sample(cell, 64, load, {"replica": 30, "proxy": 20, "other": 1.5}, pss_bytes=300_000_000)
    return Measurement(peer, cell, number, sample, started_s=2.5)


def rounds(ours: list[float], others: list[float], *, peer: str = "uvicorn", cell: str = "json-64") -> Results:
    own = [measurement(OURS, number, rate, cell=cell) for number, rate in enumerate(ours)]
    return Results(own + [measurement(peer, number, rate, cell=cell) for number, rate in enumerate(others)])


def ratio(results: Results) -> statistics.Ratio | None:
    found = results.measurements
    return statistics.ratio(
        statistics.of(found, OURS, "json-64"), statistics.of(found, "uvicorn", "json-64"), statistics.rate
    )


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_ratio_is_the_median_of_the_ratios_inside_rounds() -> None:
    assert str(ratio(rounds([100, 300, 30], [50, 100, 10]))) == "3.00x (2.00 to 3.00)"


def test_a_ratio_whose_rounds_are_on_both_sides_of_1_is_no_difference() -> None:
    assert str(ratio(rounds([90, 110, 130], [100, 100, 100]))) == "no difference (0.90 to 1.30)"
    assert str(ratio(rounds([90, 95, 99], [100, 100, 100]))) == "0.95x (0.90 to 0.99)"


def test_one_round_has_no_range() -> None:
    assert str(ratio(rounds([150], [100]))) == "1.50x"


def test_a_round_in_which_one_server_is_missing_does_not_count() -> None:
    found = ratio(rounds([150, 400], [100]))
    assert found is not None
    assert (found.middle, found.rounds) == (1.5, 1)
    assert ratio(rounds([150], [])) is None


def test_cpu_is_of_all_processes() -> None:
    assert statistics.cpu_us(measurement(OURS, 0, 1)) == 51.5


@pytest.mark.parametrize(("ours", "verdict"), [([130, 140], "reached"), ([110, 115], "**missed**")])
def test_a_goal_is_reached_by_the_median(ours: list[float], verdict: str) -> None:
    (line,) = goals_table(rounds(ours, [100, 100]).measurements).splitlines()[2:]
    assert cells(line)[-1] == verdict
    assert cells(line)[2] == "requests/s at least 1.2x"


def test_a_goal_within_noise_says_so() -> None:
    (line,) = goals_table(rounds([90, 190], [100, 100]).measurements).splitlines()[2:]
    assert cells(line)[3:] == ["1.40x (0.90 to 1.90), no difference", "reached"]


@pytest.mark.parametrize(("p50_ms", "verdict"), [(0.28, "**missed**"), (0.19, "reached")])
def test_a_goal_of_latency_is_a_maximum(p50_ms: float, verdict: str) -> None:
    found = [
        measurement(OURS, 0, 1, cell="json-1", p50_ms=p50_ms),
        measurement("uvicorn", 0, 1, cell="json-1", p50_ms=0.14),
    ]
    (line,) = goals_table(found).splitlines()[2:]
    assert cells(line)[2:] == [
        "p50 at most 1.4x",
        f"{p50_ms / 0.14:.2f}x ({p50_ms / 0.14:.2f} to {p50_ms / 0.14:.2f})",
        verdict,
    ]


def test_every_goal_is_for_a_cell_that_both_servers_support() -> None:
    assert all(PEERS[name].supports(CELLS[goal.cell]) for goal in GOALS for name in (OURS, goal.peer))


def test_a_server_that_does_not_support_a_cell_has_a_dash() -> None:
    lines = ratios_table(SHOWN, [CELLS["json-64"]], rounds([150, 160], [100, 100])).splitlines()[2:]
    assert [cells(line) for line in lines] == [["raw uvicorn", "1.55x"], ["grpc.aio", "-"]]


def test_a_cell_has_a_row_for_each_measured_server() -> None:
    lines = cell_table(SHOWN, CELLS["json-64"], rounds([150, 170], [100, 100])).splitlines()[2:]
    assert [cells(line) for line in lines] == [
        ["**modelyard**", "160", "150", "170", "", "1.00", "9.00", "52", "300", "2.5"],
        ["raw uvicorn", "100", "100", "100", "1.60x (1.50 to 1.70)", "1.00", "9.00", "52", "300", "2.5"],
    ]


def test_failures_have_their_reasons() -> None:
    results = Results()
    results.fail(
        PEERS["uvicorn"],
        [CELLS["json-1"]],
        ValueError("ended with 1:\nTraceback\nKeyError: no model\nINFO\n"),
    )
    lines = failures_table(SHOWN, results, {"mlflow": "no version"}).splitlines()[2:]
    assert [cells(line) for line in lines] == [
        ["mlflow", "all", "cannot be installed: no version"],
        ["raw uvicorn", "`json-1`", "KeyError: no model"],
    ]
    assert failures_table(SHOWN, Results(), {}) == ""


def test_the_report_shows_the_chart_of_every_measured_cell_and_no_other() -> None:
    results, selected = rounds([150], [100]), [CELLS["json-1"], CELLS["json-64"]]
    text = render(
        "run", SHOWN, selected, results, {"uvicorn": {"uvicorn": "1"}, "grpc-aio": {}}, {}, rounds=1, seconds=2
    )
    assert list(charts(SHOWN, selected, results)) == ["json-64.svg"]
    assert "(json-64.svg)" in text
    assert "json-1.svg" not in text
    assert "uvicorn 1" in text


def test_a_chart_is_an_svg_with_bars_in_proportion() -> None:
    picture = bar_chart(
        "a & b", [Bar("ours", Spread(400, 300, 480), emphasized=True), Bar("<other>", Spread(100, 90, 120))]
    )
    root = ElementTree.fromstring(picture)
    name = "{http://www.w3.org/2000/svg}"
    widths = [float(each.attrib["width"]) for each in root.iter(f"{name}rect")][1:]
    assert widths[0] == pytest.approx(4 * widths[1], abs=0.5)
    texts = [each.text for each in root.iter(f"{name}text")]
    assert texts == ["a & b", "ours", "400", "<other>", "100"]

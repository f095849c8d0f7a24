from pathlib import Path

import pytest

from benchmarks import request_bodies
from benchmarks.edge_cost import EdgeCost
from benchmarks.goals import Measured, goals_table
from benchmarks.load import Load
from benchmarks.load_rounds import Sample
from benchmarks.markdown import table
from benchmarks.metrics_overhead import MetricsOverhead
from benchmarks.report import COMPARISONS, TITLES, comparison_table, parts_table, render, start_up_tables
from benchmarks.startup import StartUp
from benchmarks.subjects import SUBJECTS, Artefacts
from benchmarks.summary import summarize


def sample(subject: str, rate: float, *, connections: int = 64, replica_us: float = 50, proxy_us: float = 20) -> Sample:
    load = Load(requests=100, requests_per_s=rate, p50_ms=rate / 1000, p99_ms=rate / 100)
    cpu_us = {"replica": replica_us, "proxy": proxy_us, "other": 1.0}
    return Sample(subject, connections, load, cpu_us, pss_bytes=300_000_000)  # type: ignore[arg-type]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_every_number_is_the_median_of_its_rounds() -> None:
    summary = summarize([sample("modelyard", rate) for rate in (900, 100, 500)])["modelyard", 64]
    assert (summary.requests_per_s, summary.slowest_round, summary.fastest_round) == (500, 100, 900)
    assert (summary.p50_ms, summary.p99_ms) == (0.5, 5)


def test_summaries_are_by_target_and_connections() -> None:
    summaries = summarize([sample("modelyard", 7), sample("modelyard", 8, connections=1), sample("uvicorn", 9)])
    assert {key: summary.requests_per_s for key, summary in summaries.items()} == {
        ("modelyard", 64): 7,
        ("modelyard", 1): 8,
        ("uvicorn", 64): 9,
    }


def test_a_table_is_aligned_markdown() -> None:
    assert table(["a", "long head"], [["wide cell", "1"]]) == (
        "| a         | long head |\n| --------- | --------- |\n| wide cell | 1         |"
    )


def test_a_comparison_has_ratios_relative_to_its_baseline_at_the_same_load() -> None:
    runs = [sample("modelyard", 12_000), sample("ray-serve", 100), sample("ray-serve", 10, connections=1)]
    lines = comparison_table(COMPARISONS[0], summarize(runs)).splitlines()[2:]
    assert [cells(line) for line in lines] == [
        ["1", TITLES["ray-serve"], "10", "10", "10", "1.0x", "0.01", "0.10", "50", "20", "1", "300"],
        ["64", TITLES["modelyard"], "12,000", "12,000", "12,000", "120.0x", "12.00", "120.00", "50", "20", "1", "300"],
        ["64", TITLES["ray-serve"], "100", "100", "100", "1.0x", "0.10", "1.00", "50", "20", "1", "300"],
    ]


def test_without_the_baseline_there_is_no_ratio() -> None:
    (line,) = comparison_table(COMPARISONS[0], summarize([sample("modelyard", 10)])).splitlines()[2:]
    assert cells(line)[5] == ""


@pytest.mark.parametrize(
    ("runs", "verdicts"),
    [
        ([sample("modelyard", 3000), sample("ray-serve", 100)], ["met", "met", "met"]),
        ([sample("modelyard", 2999), sample("ray-serve", 100)], ["**missed**", "met", "met"]),
        ([sample("modelyard", 1, replica_us=60)], ["met", "met"]),
        ([sample("modelyard", 1, replica_us=60.1)], ["**missed**", "met"]),
        ([sample("modelyard", 1, proxy_us=45)], ["met", "met"]),
        ([sample("modelyard", 1, proxy_us=45.1)], ["met", "**missed**"]),
        ([sample("modelyard", 100), sample("modelyard-grpc", 90, connections=4)], ["met", "met", "met"]),
        ([sample("modelyard", 100), sample("modelyard-grpc", 89, connections=4)], ["met", "met", "**missed**"]),
        ([sample("modelyard-grpc", 300, connections=4), sample("grpc-aio", 100, connections=4)], ["met"]),
        ([sample("modelyard-grpc", 299, connections=4), sample("grpc-aio", 100, connections=4)], ["**missed**"]),
        ([sample("modelyard-grpc", 300), sample("grpc-aio", 100)], []),
        ([sample("tensor-binary", 300), sample("tensor-json", 100)], ["met"]),
        ([sample("tensor-binary", 299), sample("tensor-json", 100)], ["**missed**"]),
        ([sample("sklearn", 500), sample("sklearn-own-predict", 100)], ["met"]),
        ([sample("sklearn", 499), sample("sklearn-own-predict", 100)], ["**missed**"]),
        ([sample("sklearn", 499), sample("modelyard", 1, connections=1)], []),
    ],
)
def test_a_goal_is_evaluated_if_its_values_were_measured(runs: list[Sample], verdicts: list[str]) -> None:
    rows = goals_table(Measured(summarize(runs))).splitlines()[2:]
    assert [cells(line)[3] for line in rows] == verdicts


def test_the_ratios_of_parts_are_medians_over_pairs() -> None:
    edge = EdgeCost(one_us=[40, 80, 20], many_us=[42, 80, 26])
    overhead = MetricsOverhead(with_us=[41.4, 62], without_us=[40, 60])
    assert edge.ratio == 1.05
    assert [cells(line) for line in goals_table(Measured({}, edge, overhead)).splitlines()[2:]] == [
        ["edge CPU with 200 models relative to 1", "at most 1.05x", "1.05x", "met"],
        ["replica CPU with metrics relative to without", "at most 1.03x", "1.034x", "**missed**"],
    ]
    rows = [cells(line) for line in parts_table(edge, overhead).splitlines()[2:]]
    assert rows[1] == ["the same with 200 models", "42.0", "1.050x"]
    assert rows[3] == ["the same with metrics", "51.7", "1.034x"]


def start_up(ready_s: float = 12.34, memory: int = 260, idle: float = 0.09) -> StartUp:
    replicas = [100_000_000, (memory - 140) * 1_000_000]
    return StartUp(
        6, ready_s, 3.21, {"raylet": idle}, {"raylet": [40_000_000], "ray::ServeReplica": replicas}, 99_000_000
    )


def test_the_start_up_tables_have_waiting_times_memory_and_idle_cpu_by_process_title() -> None:
    rows = [cells(line) for line in start_up_tables([start_up()]).splitlines() if line]
    assert ["`modelyard up`", "all 6 examples READY", "12.3", "12.3"] in rows
    assert ["YAML of an additional model saved", "its first response", "3.2", "3.2"] in rows
    assert rows[-3:] == [
        ["ray::ServeReplica", "2", "110", "220", "0.0%"],
        ["raylet", "1", "40", "40", "9.0%"],
        ["all", "3", "", "260", "9.0%"],
    ]


def test_the_start_up_tables_have_the_median_waiting_time_and_each_run() -> None:
    runs = [start_up(11, 300, 0.08), start_up(19, 270, 0.12), start_up(12, 280, 0.09)]
    rows = [cells(line) for line in start_up_tables(runs).splitlines() if line]
    assert ["`modelyard up`", "all 6 examples READY", "12.0", "11.0, 19.0, 12.0"] in rows
    assert rows[-1] == ["all", "3", "", "280", "9.0%"]


def test_the_goals_of_a_start_are_evaluated() -> None:
    rows = [cells(line) for line in goals_table(Measured({}, start_up=start_up(idle=0.11))).splitlines()[2:]]
    assert rows == [
        ["`modelyard up` to READY with the examples", "at most 12 s", "12.34 s", "**missed**"],
        ["YAML of a model saved to its first response", "at most 4 s", "3.21 s", "met"],
        ["idle CPU with the examples", "at most 10 % of a core", "11 % of a core", "**missed**"],
        ["memory of all processes with the examples", "at most 1200 MB", "260 MB", "met"],
        ["memory of the replica of an ONNX model", "at most 110 MB", "99 MB", "met"],
    ]


def test_a_report_has_only_what_was_measured() -> None:
    runs = [sample("uvicorn", 10, connections=connections) for connections in (1, 64)]
    text = render("python -m benchmarks", {"CPU": "a fast one"}, runs, [], rounds=1, seconds=2)
    assert "`python -m benchmarks` on this machine:\n\n- CPU: a fast one\n" in text
    assert "a load takes 2 s" in text
    assert "ONNX" in text
    assert "scikit-learn, batched" not in text
    assert "Start-up" not in text


def test_every_target_has_a_title_and_is_in_one_comparison(tmp_path: Path) -> None:
    models = Path("/models")
    artefacts = Artefacts(models, models, models, models, request_bodies.write(tmp_path))
    targets = []
    for name, prepare in SUBJECTS.items():
        (tmp_path / name).mkdir()
        targets += [target.name for target in prepare(tmp_path / name, 18000, artefacts).targets]
    assert sorted(TITLES) == sorted(targets)
    assert sorted(name for comparison in COMPARISONS for name in comparison.targets) == sorted(targets)

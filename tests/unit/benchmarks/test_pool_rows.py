"""The tables of the measurements of pools, and where they are recorded."""

from pathlib import Path

import pytest
import yaml

from benchmarks import record
from benchmarks.pools.answers import Answer
from benchmarks.pools.many_models import shares
from benchmarks.pools.pool_load import write_requests
from benchmarks.pools.pool_server import PoolConfig, write
from benchmarks.pools.rows import Row, quantile, rows_table
from benchmarks.pools.soak import MAX_GROWTH, growth
from benchmarks.processes import Process
from modelyard.config.load import load

MB = 10**6


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        (Row("start", 59.96, "s", at_most=60), ["start", "at most 60 s", "60 s", "met"]),
        (Row("start", 60.1, "s", at_most=60), ["start", "at most 60 s", "60.1 s", "**missed**"]),
        (Row("ratio", 0.95, at_least=0.95), ["ratio", "at least 0.95", "0.95", "met"]),
        (Row("ratio", 0.949, at_least=0.95), ["ratio", "at least 0.95", "0.949", "**missed**"]),
        (Row("loads", 10_000), ["loads", "", "10,000", ""]),
    ],
)
def test_a_row_says_whether_its_goal_is_met(row: Row, cells: list[str]) -> None:
    assert row.cells() == cells
    assert all(cell in rows_table([row]) for cell in cells)


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1, 100), (0.001, 1)])
def test_a_quantile_is_a_measured_value(share: float, value: int) -> None:
    assert quantile([*reversed(range(1, 101))], share) == value


def test_a_chapter_replaces_the_one_with_its_title_and_leaves_the_others(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    record.record("One", "first\n\n## Part\n\ntext", path)
    record.record("Two", "second", path)
    record.record("One", "again", path)
    assert path.read_text() == "# One\n\nagain\n\n# Two\n\nsecond\n"


def test_the_recorded_results_are_chapters() -> None:
    text = record.RESULTS.read_text()
    assert record.with_chapter(text, "Another", "text").endswith("# Another\n\ntext\n")


def test_cpu_is_shared_among_processes_by_title() -> None:
    def process(pid: int, cpu_us: float, name: str) -> Process:
        return Process(pid, 1, "S", 7, cpu_us, (name,))

    before = {(1, 7): 1e6}
    after = [process(1, 2e6, "raylet"), process(2, 5e5, "haproxy"), process(3, 5e5, "haproxy")]
    assert shares(before, after, 10) == {"raylet": 0.1, "haproxy": 0.1}


def test_the_configuration_of_a_server_is_valid(tmp_path: Path) -> None:
    write(tmp_path, PoolConfig(Path("/models"), ["a", "b"], memory="100MiB", load="lazy", pinned=["b"]))
    config = load(tmp_path / "serve_config", {})
    (pool,) = config.pools
    assert (pool.memory, pool.load) == (100 * 2**20, "lazy")
    assert [(spec.name, spec.pinned) for spec in config.models] == [("a", False), ("b", True)]
    assert yaml.safe_load((tmp_path / "serve_config" / "server.yaml").read_text())["repository"]["settle_s"] == 0


def test_each_request_of_a_list_is_one_line(tmp_path: Path) -> None:
    answers = [Answer(name, b'{"instances": [\n  [1.0]\n]}\n', (1.0,), 1.0) for name in ("a", "b")]
    write_requests(tmp_path / "requests", answers)
    assert (tmp_path / "requests").read_text() == (
        '/models/a/predict {"instances":[[1.0]]}\n/models/b/predict {"instances":[[1.0]]}\n'
    )


def test_memory_that_grows_after_the_warm_up_is_a_problem() -> None:
    warm = [100 * MB, 200 * MB, 300 * MB, 390 * MB, 395 * MB]
    assert growth("it", [*warm, *[400 * MB] * 15]) == []
    assert growth("it", [*warm, *[400 * MB] * 12, *[int(401 * MB * MAX_GROWTH)] * 3]) == ["it grew from 400 to 421 MB"]


def test_memory_of_a_short_soak_is_not_compared() -> None:
    assert growth("it", [MB, 2 * MB, 3 * MB, 4 * MB, 5 * MB, 6 * MB]) == []

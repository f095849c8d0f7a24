"""The level that meets a limit, and the settings that follow from it."""

import os
from pathlib import Path

import pytest

from modelyard.cli.bench.choice import Check, best_level, nearest_level
from modelyard.cli.bench.levels import Level, LevelResult
from modelyard.cli.bench.recommendation import Recommendation, recommend
from modelyard.cli.bench.windows import Window
from modelyard.config.load import load
from modelyard.config.model_spec import ModelSpec
from tests.unit.cli.project_folder import ProjectFolder
from tests.unit.cli.test_bench_levels import result


def check(latency_s: float = 0.01, rate: int = 200, peak: int = 27, replicas: int = 1, **more: object) -> Check:
    window = Window(1.0, [latency_s] * rate, more.get("errors", {}), peak_in_flight=peak)  # type: ignore[arg-type]
    return Check(0.8, LevelResult(Level(16, 8), window, stable=True, replicas=replicas, replicas_before=replicas))


def spec(**keys: object) -> ModelSpec:
    return ModelSpec.model_validate({"name": "churn", **keys})


def settings(keys: dict[str, object], found: Check | None = None, **more: object) -> Recommendation:
    options: dict[str, object] = {"rate": None, "cores": 8, **more}
    return recommend(spec(**keys), result(16, 8), found or check(), **options)  # type: ignore[arg-type]


def test_the_level_with_the_most_rows_per_second_is_the_best():
    levels = [result(1, 1, count=300), result(4, 8, count=250), result(16, 8, latency_s=0.03, count=900)]
    assert best_level(levels, 20.0) is levels[1]


def test_of_levels_that_are_equal_within_noise_the_fastest_is_the_best():
    levels = [result(16, 1, latency_s=0.008, count=960), result(64, 1, latency_s=0.019, count=1000)]
    assert best_level(levels, 20.0) is levels[0]


@pytest.mark.parametrize(
    "doubtful",
    [
        result(errors={"503": 1}),
        result(stable=False),
        result(count=50),
        result(replicas=2, replicas_before=1),
        result(latency_s=0.021),
    ],
)
def test_a_level_with_errors_or_doubts_is_never_the_best(doubtful: LevelResult):
    assert best_level([doubtful], 20.0) is None


def test_an_unstable_level_meets_the_limit_if_each_window_does_and_counts_with_its_slowest():
    def unstable(worst_ms: float, lowest: float) -> LevelResult:
        return result(count=400, stable=False, worst_window_p99_ms=worst_ms, lowest_requests_per_s=lowest)

    steady = result(1, count=300)
    assert best_level([steady, unstable(19.0, 350.0)], 20.0) != steady
    assert best_level([steady, unstable(19.0, 250.0)], 20.0) == steady
    assert best_level([steady, unstable(21.0, 350.0)], 20.0) == steady


def test_the_nearest_level_has_no_errors_and_the_lowest_percentile():
    levels = [result(1, latency_s=0.03), result(4, latency_s=0.05), result(1, 8, latency_s=0.02, errors={"429": 1})]
    assert nearest_level(levels) is levels[0]
    assert nearest_level(levels[2:]) is None


def test_a_check_meets_the_limit_without_errors_and_with_the_same_replicas():
    assert check(0.02).meets(20.0)
    assert not check(0.0201).meets(20.0)
    assert not check(errors={"429": 1}).meets(20.0)
    grown = LevelResult(Level(16, 8), Window(1.0, [0.01]), stable=True, replicas=2)
    assert not Check(0.8, grown).meets(20.0)


def test_the_mean_number_in_flight_is_the_rate_times_the_latency():
    assert check(latency_s=0.02, rate=200).mean_in_flight == pytest.approx(4.0)


def test_the_queue_has_room_for_the_load_that_met_the_limit():
    assert settings({}).values["limits"]["queue"] == 27
    assert settings({}, check(peak=3)).values["limits"]["queue"] == 16


def test_other_limits_and_batching_stay_as_measured():
    found = settings({"limits": {"timeout_s": 3, "queue": 8}, "batching": {"max_size": 8, "max_delay_ms": 2}})
    assert found.values["limits"] == {"queue": 27, "timeout_s": 3.0, "body": 64 * 2**20}
    assert found.values["batching"] == {"max_size": 8, "max_delay_ms": 2.0}


def test_a_fixed_number_of_replicas_stays():
    assert settings({"replicas": 2}, check(replicas=2)).values["replicas"] == {"min": 2, "max": 2}


def test_the_target_of_autoscaling_is_the_mean_number_in_flight_of_each_replica():
    found = settings({"replicas": {"min": 1, "max": 4}}, check(latency_s=0.05, rate=200, replicas=2))
    assert found.values["replicas"] == {"min": 1, "max": 4, "target_in_flight": 5.0}


@pytest.mark.parametrize(
    ("replicas", "rate", "expected"),
    [
        (1, 150, {"min": 1, "max": 1}),
        (1, 201, {"min": 2, "max": 2}),
        (1, 1000, {"min": 5, "max": 5}),
        ({"min": 1, "max": 2}, 1000, {"min": 1, "max": 5, "target_in_flight": 2.0}),
        ({"min": 1, "max": 9}, 1000, {"min": 1, "max": 9, "target_in_flight": 2.0}),
    ],
)
def test_replicas_are_added_for_a_higher_rate(replicas: object, rate: float, expected: dict[str, object]):
    assert settings({"replicas": replicas}, rate=rate).values["replicas"] == expected


def test_a_calculated_number_of_replicas_is_marked_as_such():
    found = settings({}, rate=1000, cores=8)
    assert any("calculated, not measured" in text for text in (*found.reasons, *found.warnings))
    assert not any("calculated" in text for text in settings({}).reasons)


def test_replicas_that_are_enough_for_a_rate_are_said_to_be():
    assert "replicas: as measured, which is enough for 150 requests/s" in settings({}, rate=150).reasons


def test_replicas_that_the_machine_has_no_cores_for_are_a_warning():
    found = settings({"resources": {"cpus": 1}}, rate=1000, cores=2)
    assert "5 replicas reserve 5 cores; this machine has 2" in found.warnings


def test_a_model_of_a_pool_gets_no_replicas():
    found = settings({"pool": "small"}, rate=1000)
    assert "replicas" not in found.values
    assert any("pool small" in text for text in found.reasons)


@pytest.mark.parametrize(
    ("keys", "rate"),
    [
        ("", None),
        ("replicas: 2\n", 1000.0),
        ("replicas: {min: 0, max: 3}\n", None),
        ("batching: off\n", None),
        ("batching: {independent_rows: true}\nlimits: {body: 1MiB}\n", None),
        ("pool: small\n", None),
    ],
)
def test_the_yaml_is_valid_in_place_of_the_keys(project: ProjectFolder, keys: str, rate: float | None):
    (project.config / "pools").mkdir()
    project.write("pools/small.yaml", "name: small\nmemory: 1GiB\n")
    project.artefact("churn")
    project.model("churn", keys)
    [before] = load(project.config, os.environ).models
    found = recommend(before, result(16, 8), check(), rate=rate, cores=8)
    pasted = "pool: small\n" if before.pool else ""
    project.model("churn", pasted + found.yaml("churn.yaml"))
    done = project.run("validate")
    assert done.exit_code == 0, done.output
    [after] = load(project.config, os.environ).models
    assert after.limits == before.limits.model_copy(update={"queue": 27})
    assert after.batching == before.batching
    if rate is not None:
        assert after.replicas.min == after.replicas.max == 5


def test_the_yaml_names_the_file_and_gives_reasons(tmp_path: Path):
    text = settings({}).yaml("serve_config/models/churn.yaml")
    assert text.startswith("# serve_config/models/churn.yaml: replace these keys\n# batching: as measured\n")
    assert "queue: 27" in text

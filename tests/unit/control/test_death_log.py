"""The log of dead replicas, and its texts."""

from pathlib import Path

import pytest

from modelyard.control.death_log import MAX_BYTES, RECENT_S, Death, DeathLog, lost_text, summary

NOW = 1_700_000_000.0


def death(age_s: float = 0.0, model: str = "iris", replica: str = "a", *requests: str) -> Death:
    return Death(NOW - age_s, model, replica, "exit", f"exit code of {replica}", requests)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "; no lost request is known"),
        (1, "; 1 request lost (r0)"),
        (2, "; 2 requests lost (r0, r1)"),
        (5, "; 5 requests lost (r0, r1, r2, r3, r4)"),
        (6, "; 6 requests lost (r0, r1, r2, r3, r4 and 1 more)"),
    ],
)
def test_up_to_five_lost_requests_are_named(count: int, text: str):
    assert lost_text([f"r{number}" for number in range(count)]) == text


def test_a_death_is_one_line():
    assert death(0, "iris", "a", "r1").line == "iris: replica a died: exit code of a; 1 request lost (r1)"
    assert death(0, "_pool.small", "a", "r1").line == "pool small: replica a died: exit code of a; 1 request lost (r1)"
    assert death().time == "2023-11-14T22:13:20Z"


def test_a_summary_shows_the_last_death():
    first, last = death(20, "iris", "a", "r1"), death(10, "iris", "b")
    ending = f"{last.time}: exit code of b; no lost request is known"
    assert summary([last]) == f"1 replica has died within a day, the last at {ending}"
    assert summary([first, last]) == f"2 replicas have died within a day, the last at {ending}"


def test_the_deaths_of_the_last_day_are_listed_by_model(tmp_path: Path):
    log = DeathLog(tmp_path)
    assert log.recent(NOW) == {}
    deaths = [death(RECENT_S + 1), death(RECENT_S, "iris", "b"), death(5, "wine", "c"), death(0, "iris", "d")]
    for each in deaths:
        log.add(each)
    log.write()
    with log.path.open("ab") as file:
        file.write(b'{"at": 1}\n{"at"')
    found = {model: [each.replica for each in some] for model, some in log.recent(NOW).items()}
    assert found == {"iris": ["b", "d"], "wine": ["c"]}
    assert RECENT_S == 24 * 60 * 60


def test_a_file_of_a_mebibyte_is_put_aside(tmp_path: Path):
    log = DeathLog(tmp_path)
    log.add(death())
    log.write()
    line = log.path.stat().st_size
    assert MAX_BYTES == 1_048_576
    with log.path.open("ab") as file:
        file.truncate(MAX_BYTES - line - 1)
        file.seek(0, 2)
        file.write(b"\n")
    log.add(death())
    log.write()
    assert not log.path.exists()
    assert (tmp_path / "deaths.jsonl.1").stat().st_size == MAX_BYTES

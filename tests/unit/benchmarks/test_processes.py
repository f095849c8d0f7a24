import os

import pytest

from benchmarks.processes import TICK_US, Process, cpu_spent, descendants, group_of, parse, pss_bytes, read, title


def process(pid: int, parent: int = 1, *, cpu_us: float = 0, started: int = 0, argv: tuple[str, ...] = ()) -> Process:
    return Process(pid, parent, "S", started, cpu_us, argv)


def test_a_name_with_spaces_and_parentheses_does_not_shift_the_fields() -> None:
    stat = "42 (a (b) c) S 7 42 42 0 -1 4194560 1 2 3 4 30 12 0 0 20 0 1 0 9876 1 2 3\n"
    assert parse(stat, b"python3\0-m\0benchmarks\0") == Process(
        pid=42, parent=7, state="S", started=9876, cpu_us=42 * TICK_US, argv=("python3", "-m", "benchmarks")
    )


def test_the_current_process_is_read() -> None:
    own = read(os.getpid())
    assert own is not None
    assert (own.pid, own.parent, own.state) == (os.getpid(), os.getppid(), "R")
    assert own.cpu_us > 0
    assert (pss_bytes(own.pid) or 0) > 1_000_000


def test_a_process_that_does_not_exist_is_none() -> None:
    child = os.spawnlp(os.P_NOWAIT, "true", "true")
    os.waitpid(child, 0)
    assert read(child) is None
    assert pss_bytes(child) is None


def test_descendants_include_the_children_of_children() -> None:
    table = {each.pid: each for each in [process(2, 1), process(3, 2), process(4, 3), process(5, 1), process(6, 2)]}
    assert sorted(each.pid for each in descendants(table, 2)) == [3, 4, 6]


def test_cpu_time_between_the_snapshots_is_summed_by_group() -> None:
    replica, haproxy = ("ray::ServeReplica:iris:Model",), ("/opt/haproxy", "-f", "x.cfg")
    before = [process(1, cpu_us=100, argv=replica), process(2, cpu_us=50, argv=haproxy), process(3, cpu_us=5)]
    after = [process(1, cpu_us=400, argv=replica), process(2, cpu_us=60, argv=haproxy), process(3, cpu_us=6)]
    assert cpu_spent(before, after, model_pid=0) == {"replica": 300, "proxy": 10, "other": 1}


def test_a_process_that_started_in_between_counts_fully_even_with_a_reused_pid() -> None:
    before = [process(1, cpu_us=100, started=10)]
    after = [process(1, cpu_us=30, started=20), process(2, cpu_us=7, started=21)]
    assert cpu_spent(before, after, model_pid=0)["other"] == 37


def test_a_server_that_runs_the_model_itself_counts_as_replica() -> None:
    after = [process(9, cpu_us=8, argv=("python3", "-m", "uvicorn"))]
    assert cpu_spent([], after, model_pid=9) == {"replica": 8, "proxy": 0, "other": 0}


@pytest.mark.parametrize(
    ("argv", "name", "group"),
    [
        (("ray::ServeReplica:iris:Iris.handle_request",), "ray::ServeReplica:iris:Iris.handle_request", "replica"),
        (("ray::ProxyActor.run extra",), "ray::ProxyActor.run", "proxy"),
        (("/venv/bin/haproxy", "-W", "-f", "x.cfg"), "haproxy", "proxy"),
        (("ray::ServeController.listen",), "ray::ServeController.listen", "other"),
        (("/usr/bin/python3.11", "-u", "/venv/ray/dashboard/agent.py", "--x"), "agent.py", "other"),
        (("python", "-m", "uvicorn", "app"), "python -m uvicorn", "other"),
        (("/venv/ray/core/raylet", "--raylet_socket_name=x"), "raylet", "other"),
        (("python3", "-c", "import this"), "python -c", "other"),
        (("python3",), "python3", "other"),
        ((), "(kernel)", "other"),
    ],
)
def test_processes_are_named_and_grouped(argv: tuple[str, ...], name: str, group: str) -> None:
    assert title(argv) == name
    assert group_of(argv) == group

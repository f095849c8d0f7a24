"""Durations are measured with a monotonic clock, so that setting the time of day by an hour has no effect on a server."""

import ast
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "deployments" / "modelyard"
TIME_OF_DAY = {
    # Timestamps for people and programs.
    "cli/supervisor.py": "lines of the terminal",
    "cli/terminal_report.py": "lines of the terminal",
    "control/death_watch.py": "deaths",
    "control/events.py": "events",
    "control/live_state.py": "since when a state lasts",
    "control/lost_requests.py": "the request log, and its limit for each second",
    "control/metrics.py": "the last reload",
    "ray_serve/hub.py": "the start of the hub, and ids that grow from hub to hub",
    "telemetry/request_log.py": "the request log",
    # Compared with timestamps of files or logs, which use this clock too.
    "cli/commands/observe.py": "--since",
    "cli/fleet_state.py": "recent deaths",
    "cli/rollback_edit.py": "changes of files",
    "control/desired.py": "changes of files",
    "control/runner.py": "recent deaths",
    "local_model.py": "changes of files",
    "replica/quarantine.py": "times of files",
    "runtimes/operator_code/folder.py": "changes of files",
}
"""The modules that read the time of day, by purpose."""


def reads_time_of_day(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr)
        in {("time", "time"), ("time", "time_ns"), ("datetime", "now"), ("datetime", "utcnow")}
    )


def test_the_time_of_day_is_read_only_for_stamps():
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if any(map(reads_time_of_day, ast.walk(ast.parse(path.read_text()))))
    }
    assert found == set(TIME_OF_DAY)

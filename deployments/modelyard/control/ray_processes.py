"""Changes which processes Ray starts on this machine, and how, where it has no settings for that."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ray._private import ray_constants, services
from ray._private.node import Node

from modelyard.control.ports import free_ports
from modelyard.control.process_tree import command_of, descendants

SUPERVISOR = Path(__file__).parent / "agent-keeper"
AGENTS = (ray_constants.PROCESS_TYPE_DASHBOARD_AGENT, ray_constants.PROCESS_TYPE_RUNTIME_ENV_AGENT)
AGENT_PORTS = ("metrics_agent_port", "runtime_env_agent_port", "dashboard_agent_listen_port")
UNUSED = ("start_api_server", "start_monitor", "start_log_monitor")
"""The dashboard's server, which Ray also starts without a dashboard, the node autoscaler, and the log monitor."""


@contextmanager
def patched(target: Any, name: str, value: Any) -> Iterator[None]:
    """Replace an attribute of Ray's until the end of the block."""
    before = getattr(target, name)
    setattr(target, name, value)
    try:
        yield
    finally:
        setattr(target, name, before)


@contextmanager
def changed_processes(worker_command: list[str]) -> Iterator[None]:
    """Start Ray without processes that a server does not need, and with agents that are restarted when they die.

    `worker_command` stands between the interpreter and the script of each worker.

    Each process less saves 80 to 120 MB, and Ray counts as dead when one of its processes has died.
    """
    python = services._build_python_executable_command_memory_profileable
    with ExitStack() as changes:
        for name in UNUSED:
            changes.enter_context(patched(Node, name, _nothing))
        changes.enter_context(patched(services, python.__name__, _supervised(python)))
        # Ray uses these flags only here. The raylet removes the script before them, which sets up a runtime environment.
        changes.enter_context(patched(services, "_site_flags", lambda: worker_command))
        changes.enter_context(patched(services, "start_raylet", _with_fixed_ports(services.start_raylet)))
        yield


def supervised_agents() -> list[int]:
    """The process ids of the agents below this process, each after that of its `agent-keeper`."""
    keepers = [pid for pid in descendants(os.getpid()) if str(SUPERVISOR) in command_of(pid)]
    return [pid for keeper in keepers for pid in (keeper, *descendants(keeper))]


def _nothing(*_: Any, **__: Any) -> None:
    """Start no process."""


def _supervised(python: Callable[..., list[str]]) -> Callable[..., list[str]]:
    def command(component: str, *args: Any, **kwargs: Any) -> list[str]:
        keeper = [str(SUPERVISOR)] if component in AGENTS else []
        return [*keeper, *python(component, *args, **kwargs)]

    return command


def _with_fixed_ports(start: Callable[..., Any]) -> Callable[..., Any]:
    """Agents get fixed ports, because the raylet connects to the ports that they had first."""

    def started(*args: Any, **kwargs: Any) -> Any:
        return start(*args, **{**kwargs, **dict(zip(AGENT_PORTS, free_ports(len(AGENT_PORTS)), strict=True))})

    return started

"""Slows down the control loop of Serve's controller while nothing changes.

Serve runs it ten times a second, and each time looks at every replica: with ten applications that is most of what an idle server
costs. Serve has one interval for all times (RAY_SERVE_CONTROL_LOOP_INTERVAL_S), and a change of a model passes through the loop
about six times. The controller calls `install` when it starts, because RAY_SERVE_CONTROLLER_CALLBACK_IMPORT_PATH names it.
"""

import time
from collections.abc import Callable
from typing import Any

from ray.serve._private import controller
from ray.serve._private.application_state import ApplicationStateManager

IDLE_INTERVAL_S = 0.5
"""Health checks, the removal of a dead replica and autoscaling are so much later at most."""
QUIET_S = 3.0
"""The loop slows down when nothing has changed for so long."""
AT_REST = {"RUNNING", "HEALTHY", "DEPLOY_FAILED"}
"""Statuses of applications and deployments that the controller does not change by itself."""


def install(clock: Callable[[], float] = time.monotonic) -> None:
    """Set the interval in each turn of the loop.

    The controller is an actor, and Ray wraps the methods of its class before this is called. So this is a part of
    `ApplicationStateManager.update`, which each turn calls.
    """
    busy_interval_s = controller.CONTROL_LOOP_INTERVAL_S
    update = ApplicationStateManager.update
    changed_at = clock()

    def update_and_set_interval(self: Any) -> None:
        nonlocal changed_at
        update(self)
        now = clock()
        if not is_at_rest(self):
            changed_at = now
        quiet = now - changed_at > QUIET_S
        controller.CONTROL_LOOP_INTERVAL_S = IDLE_INTERVAL_S if quiet else busy_interval_s

    ApplicationStateManager.update = update_and_set_interval


def is_at_rest(manager: Any) -> bool:
    """Whether the applications of this ApplicationStateManager, and their deployments, do not change. Not without applications."""
    applications = manager.list_app_statuses().values()
    deployments = manager._deployment_state_manager.get_deployment_statuses()
    statuses = {each.status.value for each in (*applications, *deployments)}
    return bool(statuses) and statuses <= AT_REST

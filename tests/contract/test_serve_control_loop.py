"""The control loop of Serve's controller slows down while nothing changes, with the installed Ray."""

import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from ray.serve._private import controller
from ray.serve._private.application_state import ApplicationStateManager, ApplicationStatusInfo
from ray.serve._private.common import DeploymentStatus, DeploymentStatusInfo
from ray.serve._private.deployment_state import DeploymentStateManager
from ray.serve.schema import ApplicationStatus

from modelyard.control.environment import CONTROL_LOOP_CALLBACK
from modelyard.control.serve_control_loop import IDLE_INTERVAL_S, QUIET_S, install, is_at_rest

BUSY_INTERVAL_S = 0.1


def manager(
    application: ApplicationStatus = ApplicationStatus.RUNNING,
    deployment: DeploymentStatus = DeploymentStatus.HEALTHY,
) -> SimpleNamespace:
    """An ApplicationStateManager with one application in this state."""
    deployments = SimpleNamespace(get_deployment_statuses=lambda: [SimpleNamespace(status=deployment)])
    applications = {"iris": SimpleNamespace(status=application)}
    return SimpleNamespace(list_app_statuses=lambda: applications, _deployment_state_manager=deployments)


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, float], float]:
    """Runs a turn of the loop for a manager at a time, and returns the interval after it."""
    updated = []
    monkeypatch.setattr(controller, "CONTROL_LOOP_INTERVAL_S", BUSY_INTERVAL_S)
    monkeypatch.setattr(ApplicationStateManager, "update", updated.append)
    now = [0.0]
    install(lambda: now[0])

    def run(of: Any, at: float) -> float:
        now[0] = at
        ApplicationStateManager.update(of)
        assert updated[-1] is of
        interval: float = controller.CONTROL_LOOP_INTERVAL_S
        return interval

    return run


def test_the_loop_is_slow_once_nothing_has_changed_for_a_while_and_fast_at_the_next_change(
    loop: Callable[[Any, float], float],
) -> None:
    assert loop(manager(), QUIET_S) == BUSY_INTERVAL_S
    assert loop(manager(), QUIET_S + 0.1) == IDLE_INTERVAL_S
    assert loop(manager(ApplicationStatus.DEPLOYING), 100.0) == BUSY_INTERVAL_S
    assert loop(manager(), 100.0 + QUIET_S) == BUSY_INTERVAL_S
    assert loop(manager(), 100.1 + QUIET_S) == IDLE_INTERVAL_S


@pytest.mark.parametrize("status", ApplicationStatus)
def test_an_application_that_the_controller_works_on_is_not_at_rest(status: ApplicationStatus) -> None:
    assert is_at_rest(manager(status)) is (status.value in ("RUNNING", "DEPLOY_FAILED"))


@pytest.mark.parametrize("status", DeploymentStatus)
def test_a_deployment_that_the_controller_works_on_is_not_at_rest(status: DeploymentStatus) -> None:
    assert is_at_rest(manager(deployment=status)) is (status.value in ("HEALTHY", "DEPLOY_FAILED"))


def test_a_controller_without_applications_is_not_at_rest() -> None:
    deployments = SimpleNamespace(get_deployment_statuses=list)
    assert not is_at_rest(SimpleNamespace(list_app_statuses=dict, _deployment_state_manager=deployments))


def test_the_controller_has_what_the_callback_uses() -> None:
    source = inspect.getsource(controller.ServeController)
    assert "await asyncio.sleep(CONTROL_LOOP_INTERVAL_S)" in source
    assert "self.application_state_manager.update()" in source
    assert "self._deployment_state_manager = " in inspect.getsource(ApplicationStateManager.__init__)
    assert inspect.signature(ApplicationStateManager.list_app_statuses).parameters.keys() == {"self", "source"}
    assert inspect.signature(DeploymentStateManager.get_deployment_statuses).parameters.keys() == {"self", "ids"}
    assert {each.__annotations__["status"] for each in (ApplicationStatusInfo, DeploymentStatusInfo)} == {
        ApplicationStatus,
        DeploymentStatus,
    }


def test_serve_finds_the_callback() -> None:
    module, _, name = CONTROL_LOOP_CALLBACK.partition(":")
    assert (module, name) == (install.__module__, install.__name__)

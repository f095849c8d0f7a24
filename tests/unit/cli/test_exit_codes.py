"""What the exit code of the server's process means to the supervisor."""

import pytest

from deployments.cli.exit_codes import FINE, NODE_DIED, NOT_STARTED, REFUSED, meaning_of


@pytest.mark.parametrize("code", [FINE, REFUSED, NODE_DIED, NOT_STARTED])
@pytest.mark.parametrize("was_up", [True, False])
def test_a_code_of_our_own_means_what_it_says(code: int, was_up: bool) -> None:
    assert meaning_of(code, was_up=was_up) == code


@pytest.mark.parametrize("code", [1, 2, 134, -9, -11])
def test_a_server_that_something_else_ended_is_started_again(code: int) -> None:
    """Ray's library ends the process with 1 when the raylet has died, and may be quicker than the control loop."""
    assert meaning_of(code, was_up=True) == NODE_DIED
    assert meaning_of(code, was_up=False) == NOT_STARTED

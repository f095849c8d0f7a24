"""Ray's own processes, and whether a server ends with them."""

import pytest

from deployments.control.vital import spared, vital


@pytest.mark.parametrize("name", ["raylet", "gcs_server"])
def test_a_server_starts_again_without_what_starts_and_finds_replicas(name: str):
    assert vital([name, "log_monitor"]) == name
    assert spared([name]) == ""


@pytest.mark.parametrize("name", ["dashboard", "log_monitor", "monitor", "reaper"])
def test_a_server_goes_on_without_what_no_model_needs_and_says_so(name: str):
    assert vital([name]) == ""
    assert spared([name]) == f"Ray's {name} died: no model needs it, and it is back with the next start of Ray"


def test_nothing_is_said_while_all_of_them_live():
    assert (vital([]), spared([])) == ("", "")

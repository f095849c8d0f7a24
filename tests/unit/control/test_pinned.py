"""Models that stay as they were approved, whatever the repository contains."""

from tests.unit.control.models import application, applications, refused, resolved
from tests.unit.control.serve import desired

APPROVED = {name: application(resolved(name, "a")) for name in ("churn", "iris")}


def test_a_model_with_a_newer_version_stays_at_the_approved_one():
    pinned = desired(resolved("churn", "ba"), resolved("iris", "a")).pinned_to(APPROVED)
    assert pinned.serve_config({}) == desired(resolved("churn", "a"), resolved("iris", "a")).serve_config({})


def test_a_model_whose_folder_is_gone_is_as_it_was_approved():
    pinned = desired(refused("there is no folder churn"), resolved("iris")).pinned_to(APPROVED)
    assert applications(pinned.serve_config({}))["churn"] == APPROVED["churn"]


def test_a_model_that_was_never_approved_follows_its_file_and_a_model_without_a_file_is_removed():
    pinned = desired(resolved("churn", "ba"), resolved("new", "c")).pinned_to(APPROVED)
    now = applications(pinned.serve_config({}))
    assert set(now) == {"gateway", "churn", "new"}
    assert now["new"] == application(resolved("new", "c"))


def test_two_approved_models_with_the_same_route_follow_their_files():
    both = {name: {**config, "route_prefix": "/same"} for name, config in APPROVED.items()}
    files = desired(resolved("churn", "ba"), resolved("iris", "ba"))
    assert files.pinned_to(both).serve_config({}) == files.serve_config({})

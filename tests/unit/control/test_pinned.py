"""Models that stay as they were approved, whatever the repository holds by now."""

from tests.unit.control.models import application, applications, refused, resolved
from tests.unit.control.serve import desired

APPROVED = {name: application(resolved(name, "a")) for name in ("churn", "iris")}


def test_a_model_with_a_newer_version_stays_at_the_approved_one():
    pinned = desired(resolved("churn", "ba"), resolved("iris", "a")).pinned_to(APPROVED)
    assert pinned.serve_config({}) == desired(resolved("churn", "a"), resolved("iris", "a")).serve_config({})


def test_a_model_whose_folder_is_gone_is_as_it_was_approved():
    pinned = desired(refused("there is no folder churn"), resolved("iris")).pinned_to(APPROVED)
    assert applications(pinned.serve_config({}))["churn"] == APPROVED["churn"]


def test_a_model_that_was_never_approved_is_as_the_files_want_it_and_one_without_a_file_is_gone():
    pinned = desired(resolved("churn", "ba"), resolved("new", "c")).pinned_to(APPROVED)
    now = applications(pinned.serve_config({}))
    assert set(now) == {"gateway", "churn", "new"}
    assert now["new"] == application(resolved("new", "c"))


def test_two_approved_models_of_one_route_are_as_the_files_want_them():
    both = {name: {**config, "route_prefix": "/same"} for name, config in APPROVED.items()}
    files = desired(resolved("churn", "ba"), resolved("iris", "ba"))
    assert files.pinned_to(both).serve_config({}) == files.serve_config({})

"""Conflicts between files are reported in both files."""


def test_two_models_of_one_name_are_reported_at_both_places(folder):
    folder.write({"models/a.yaml": "name: x\n", "models/b.yaml": "trusted: 1\nname: x\n"})
    assert folder.reported() == [
        f"models/a.yaml:1:7: two models are named 'x'; see {folder.path}/models/b.yaml:2",
        "models/b.yaml:1:10: expected true or false, got the whole number 1",
        f"models/b.yaml:2:7: two models are named 'x'; see {folder.path}/models/a.yaml:1",
    ]


def test_two_models_of_one_route_are_reported_at_both_places(folder):
    folder.write({"models/a.yaml": "name: a\nroute: /models/b\n", "models/b.yaml": "name: b\n"})
    assert folder.reported() == [
        f"models/a.yaml:2:8: two models have the route /models/b; see {folder.path}/models/b.yaml:1",
        f"models/b.yaml:1:7: two models have the route /models/b; see {folder.path}/models/a.yaml:2",
    ]


def test_a_route_below_another_is_reported_at_both_places(folder):
    folder.write({"models/a.yaml": "name: a\n", "models/b.yaml": "name: b\nroute: /models/a/x/y\n"})
    assert folder.reported() == [
        f"models/a.yaml:1:7: /models/a hides /models/a/x/y, the route of 'b'; see {folder.path}/models/b.yaml:2",
        f"models/b.yaml:2:8: /models/a/x/y is below /models/a, the route of 'a'; see {folder.path}/models/a.yaml:1",
    ]


def test_a_route_that_only_begins_like_another_is_free(folder):
    folder.write(
        {"models/a.yaml": "name: a\n", "models/b.yaml": "name: a-b\n", "models/c.yaml": "name: c\nroute: /models/ab"}
    )
    assert len(folder.load().models) == 3


def test_a_default_model_must_exist(folder):
    folder.write({"server.yaml": "default_model: churn\n", "models/churn.yaml": "name: churn\n"})
    assert folder.load().server.default_model == "churn"


def test_an_unknown_default_model_is_rejected_with_a_suggestion(folder):
    folder.write({"server.yaml": "default_model: chrun\n", "models/churn.yaml": "name: churn\n"})
    assert folder.reported() == ["server.yaml:1:16: there is no model 'chrun'; did you mean 'churn'?"]


def test_a_default_model_that_is_like_no_other_has_no_suggestion(folder):
    folder.write({"server.yaml": "default_model: zzz\n", "models/churn.yaml": "name: churn\n"})
    assert folder.reported() == ["server.yaml:1:16: there is no model 'zzz'"]

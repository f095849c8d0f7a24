"""Suggestions for the notation of other tools."""

import pytest


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("versions: 2", "did you mean [2]?"),
        ("versions: '2'", "did you mean [2]?"),
        ("versions: v2", "did you mean [2]?"),
        ("load_timeout_s: 10s", "did you mean 10? The unit is seconds"),
        ("load_timeout_s: 2m", "did you mean 120? The unit is seconds"),
        ("load_timeout_s: 1,5", "did you mean 1.5?"),
        ("limits: {timeout_s: 500ms}", "did you mean 0.5? The unit is seconds"),
        ("batching: {max_delay_ms: 2ms}", "did you mean 2? The unit is milliseconds"),
        ("batching: {max_delay_ms: 1s}", "did you mean 1000? The unit is milliseconds"),
        ("resources: {cpus: 500m}", "did you mean 0.5?"),
        ("replicas: 1-3", "did you mean {min: 1, max: 3}?"),
        ("replicas: 1..3", "did you mean {min: 1, max: 3}?"),
        ("replicas: {max: 3x}", ""),
        ("load_timeout_s: soon", ""),
        ("versions: newest", ""),
        # a key of another section is suggested before a similar key
        ("timeout_s: 5", "did you mean 'limits.timeout_s'?"),
        ("cpus: 2", "did you mean 'resources.cpus'?"),
        ("batching: {timeout_s: 5}", "did you mean 'limits.timeout_s'?"),
        ("limits: {required: false}", "'required' belongs at the top level, not under 'limits'"),
        ("versio: 2", "did you mean 'versions'?"),
        ("http: {port: 80}", "it belongs in server.yaml"),
        # an error of an alias is reported at the alias
        ("options: {n: &n many}\nreplicas: {max: *n}", ""),
        ("resources:2", "write 'resources: 2', with a space after the ':'"),
    ],
)
def test_a_error_has_a_hint(folder, line, hint):
    reported = folder.of_model(f"name: m\n{line}\n")
    assert reported[0].partition("; ")[2] == hint, reported


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("timeout_s: 5", "did you mean 'defaults.limits.timeout_s'?"),
        ("replicas: 2", "did you mean 'defaults.replicas'?"),
        ("settle_s: 2", "did you mean 'repository.settle_s'?"),
        ("route: /x", "it belongs in a model's file"),
    ],
)
def test_a_key_of_a_models_file_in_server_yaml_has_a_hint(folder, line, hint):
    (reported,) = folder.write({"server.yaml": line}).reported()
    assert reported.partition("; ")[2] == hint


@pytest.mark.parametrize("text", ["name:iris2", "name:iris2\nreplicas: 3", "name:iris2\nreplicas:3"])
def test_a_colon_without_a_space_is_reported_at_its_place(folder, text):
    (reported,) = folder.of_model(text)
    assert reported.startswith("1:1: ")
    assert reported.endswith("; write 'name: iris2', with a space after the ':'")


@pytest.mark.parametrize(
    ("before", "line"),
    [("", 1), ("name: m\n", 2), ("name: m\ndescription: |\n  text\n", 4), ("name: m\nversions: [\n", 3)],
)
def test_a_merge_conflict_is_reported_as_such(folder, before, line):
    text = f"{before}<<<<<<< HEAD\nreplicas: 1\n=======\nreplicas: 2\n>>>>>>> theirs\n"
    (reported,) = folder.of_model(text)
    hint = "resolve the conflict and remove the markers"
    assert reported == f"{line}:1: a merge conflict begins here; {hint}"
    assert folder.errors()[0].length == len("<<<<<<< HEAD")


@pytest.mark.parametrize(("text", "place"), [("replicas: {min: 1, max: &n many}\nload_timeout_s: *n", "3:17")])
def test_an_error_of_an_alias_is_reported_at_the_alias(folder, text, place):
    reported = folder.of_model(f"name: m\n{text}\n")
    assert len(reported) == 2
    assert reported[1].startswith(f"{place}: expected a number")


def test_a_valid_file_may_contain_text_that_looks_like_a_conflict(folder):
    loaded = folder.write({"models/m.yaml": "name: m\ndescription: |\n  =======\n  <<<<<<< HEAD\n"}).load()
    assert "<<<<<<<" in loaded.models[0].description

"""Suggestions for wrong values, and values that have none."""

import pytest


def test_a_name_from_a_variable_has_no_suggestion_because_it_may_be_a_secret(folder):
    (reported,) = folder.of_model("name: ${NAME}\n", NAME="Churn Model")
    assert reported.endswith("starting with a letter or digit, got a string from ${NAME}")


def test_only_a_runtime_has_a_runtime_as_its_suggestion(folder):
    wanted = "expected a folder inside the repository, such as churn or team/churn"
    assert folder.of_model("name: m\npath: /onnx\n") == [f"2:7: {wanted}, got the string '/onnx'"]
    (reported,) = folder.of_model("name: m\nruntime: onxx\n")
    assert reported.endswith("; did you mean onnx?")


def test_a_list_is_no_key_with_a_missing_space(folder):
    assert folder.of_model("- name:iris\n") == ["1:1: expected a mapping of keys, got a list"]


def test_a_missing_name_is_reported_at_the_first_key(folder):
    folder.of_model("replicas: 1\ntrusted: true\n")
    (error,) = folder.errors()
    assert (error.line, error.column, error.length) == (1, 1, len("replicas"))


def test_a_word_from_a_variable_has_no_suggestion_because_it_may_be_a_secret(folder):
    reported = folder.of_model("name: m\nretry: ${RETRY}\n", RETRY="nevr")
    assert reported == ["2:8: expected always or never, got a string from ${RETRY}"]


def test_a_file_with_an_empty_document_counts_as_empty(folder):
    assert folder.of_model("---\n") == ["1:1: the file is empty; write 'name: m'"]


@pytest.mark.parametrize("route", ["[/a]", "{a: b}", "5", "a b"])
def test_an_invalid_route_conflicts_with_none(folder, route):
    files = {f"models/{name}.yaml": f"name: {name}\nroute: {route}\n" for name in "ab"}
    reported = folder.write(files).reported()
    assert [line.partition(": ")[0] for line in reported] == ["models/a.yaml:2:8", "models/b.yaml:2:8"]
    assert all("expected a " in line for line in reported)


def test_the_first_version_may_be_the_default(folder):
    assert folder.write({"models/m.yaml": "name: m\ndefault: 1\n"}).load().models[0].default == 1

"""The state folder of a server, from a server.yaml that may be invalid."""

from pathlib import Path

import pytest

from modelyard.config.state_folder import state_folder


def found(folder, text: str, **environ: str) -> Path | None:
    return state_folder(folder.write({"server.yaml": text}).path, environ)


def test_the_state_folder_is_beside_the_configuration_unless_it_is_named(folder):
    root = folder.path.parent
    assert state_folder(folder.path, {}) == root / ".modelyard"
    assert found(folder, "http: {port: 81}") == root / ".modelyard"
    assert found(folder, "state: run/yard") == root / "run/yard"
    assert found(folder, "state: /var/yard") == Path("/var/yard")


@pytest.mark.parametrize(
    "text",
    [
        "# state: other",
        "state:",
        "state: [other]",
        "state: 'other",
        "state: *other",
        "state: ${NOPE}",
        "- state: other",
    ],
)
def test_a_state_folder_that_cannot_be_read_counts_as_the_default(folder, text):
    assert found(folder, text) == folder.path.parent / ".modelyard"


def test_a_state_folder_may_be_named_by_a_variable_or_an_escape(folder):
    assert found(folder, "state: ${YARD}", YARD="other") == folder.path.parent / "other"
    assert found(folder, '"st\\u0061te": other') == folder.path.parent / "other"


def test_a_folder_in_the_working_directory_is_found_by_a_relative_path(folder, monkeypatch):
    monkeypatch.chdir(folder.path)
    assert state_folder(Path(), {}) == folder.path.parent / ".modelyard"


@pytest.mark.parametrize(
    ("text", "here"),
    [
        ("ray: {address: 'head:6379'}", False),
        ("ray: {address: 'head:6379'}\nstate: other", False),
        ("ray: {address: local}", True),
        ("ray: {address: }", True),
        ("ray: local", True),
        ("address: 'head:6379'", True),
    ],
)
def test_a_cluster_has_no_state_folder_on_this_machine(folder, text, here):
    assert (found(folder, text) is not None) is here


def test_a_number_that_is_too_large_counts_as_the_default(folder):
    assert found(folder, "state: ${HUGE}", HUGE="9" * 30) == folder.path.parent / ".modelyard"
    assert found(folder, f"state: {'9' * 30}") == folder.path.parent / ".modelyard"


def test_a_file_that_is_not_text_counts_as_the_defaults(folder):
    folder.write({"server.yaml": b"state: \xff"})
    assert state_folder(folder.path, {}) == folder.path.parent / ".modelyard"

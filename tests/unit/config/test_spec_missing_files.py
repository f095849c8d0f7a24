"""Missing and ignored files of a configuration folder."""

from pathlib import Path

import pytest

from modelyard.config.load import MODELS_FOLDER, SERVER_FILE


@pytest.mark.parametrize(
    ("files", "absent"),
    [
        ({"server.yaml": "connections: 7", "models/a.yaml": "name: a"}, ()),
        ({"models/a.yaml": "name: a"}, (SERVER_FILE,)),
        ({"server.yaml": "# emptied", "models/a.yaml": "name: a"}, (SERVER_FILE,)),
        ({"server.yaml": "", "models/a.yaml": "name: a"}, (SERVER_FILE,)),
        ({"server.yaml": "connections: 7"}, (MODELS_FOLDER,)),
        ({}, (SERVER_FILE, MODELS_FOLDER)),
    ],
)
def test_what_is_missing_is_reported(folder, files, absent):
    assert folder.write(files).load().missing == absent


@pytest.mark.parametrize("name", ["server.yaml", "models", "models/a.yaml"])
def test_a_broken_link_is_an_error_and_not_an_empty_configuration(folder, name):
    (folder.path / name).parent.mkdir(exist_ok=True)
    (folder.path / name).symlink_to("gone")
    (reported,) = folder.reported()
    assert reported.startswith(f"{name}:0:0: ")


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("models/flowers.YAML", "rename it to flowers.yaml"),
        ("models/flowers.Yml", "rename it to flowers.yaml"),
        ("models/flowers.json", "rename it to flowers.yaml"),
        ("models/flowers.yaml.txt", "rename it to flowers.yaml"),
        ("models/flowers.yaml.bak", "rename it to flowers.yaml"),
        ("models/flowers", "rename it to flowers.yaml"),
        ("models/flowers.yaml ", "rename it to flowers.yaml"),
        ("server.YAML", "its name must be server.yaml"),
        ("server.json", "its name must be server.yaml"),
        ("Server.yaml", "its name must be server.yaml"),
        ("server.yaml.txt", "its name must be server.yaml"),
        ("flowers.yaml", "model files belong in the folder models, files of pools in pools"),
    ],
)
def test_an_ignored_file_that_looks_like_configuration_is_a_warning(folder, name, suggestion):
    (warning,) = folder.write({"models/a.yaml": "name: a", name: "name: flowers\n"}).load().warnings
    assert Path(warning.path) == folder.path / name
    assert warning.render().endswith(f"warning: this file is ignored; {suggestion}")


def test_folders_that_are_not_read_are_warnings(folder):
    (folder.path / "models" / "team").mkdir(parents=True)
    (folder.path / "Models").mkdir()
    reported = [warning.render().partition(": ")[2] for warning in folder.load().warnings]
    assert reported == [
        "warning: this folder is ignored; its name must be models",
        "warning: subfolders of models are ignored; move its files into the folder models",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "models/.a.yaml.swp",
        "models/a.yaml~",
        "models/#a.yaml#",
        "models/README.md",
        ".server.yaml",
        "server.yaml~",
        "server.yaml.swp",
        ".flowers.yaml",
        "schema.json",
        "compose.yaml",
        "notes",
    ],
)
def test_other_ignored_files_are_not_reported(folder, name):
    assert folder.write({"models/a.yaml": "name: a", name: "services: {}"}).load().warnings == ()


def test_a_thousand_files_that_are_not_read_are_not_a_thousand_lines(folder):
    loaded = folder.write({f"models/{n}.json": "" for n in range(100)}).load()
    assert len(loaded.warnings) == 21
    assert any("80 more files are ignored" in warning.message for warning in loaded.warnings)


def test_a_broken_link_beside_server_yaml_is_not_reported(folder):
    (folder.path / "flowers.yaml").symlink_to("nowhere")
    assert folder.write({"models/a.yaml": "name: a"}).load().warnings == ()


def test_a_warning_is_about_the_whole_file(folder):
    (warning,) = folder.write({"models/a.yaml": "name: a", "server.json": ""}).load().warnings
    assert (warning.line, warning.column) == (0, 0)


@pytest.mark.parametrize(("files", "warnings"), [(20, 20), (21, 21)])
def test_a_sum_replaces_the_warnings_from_the_twenty_first_on(folder, files, warnings):
    loaded = folder.write({f"models/{n}.json": "" for n in range(files)}).load().warnings
    assert len(loaded) == warnings
    assert [each.message for each in loaded if "more" in each.message] == ["1 more files are ignored"] * (files - 20)


def test_a_hidden_file_does_not_hide_the_files_after_it(folder):
    (warning,) = folder.write({"models/.a.yaml.swp": "", "models/z.json": ""}).load().warnings
    assert Path(warning.path).name == "z.json"


def test_a_broken_link_in_place_of_the_models_is_named(folder):
    (folder.path / "models").symlink_to("nowhere")
    assert folder.reported() == ["models:0:0: a broken symbolic link"]


def test_a_file_in_place_of_the_models_is_named(folder):
    (folder.path / "models").write_text("")
    assert folder.reported() == ["models:0:0: not a folder"]


def test_a_hidden_model_file_beside_server_yaml_is_not_reported(folder):
    assert folder.write({"models/a.yaml": "name: a", ".b.yaml": "name: b"}).load().warnings == ()


def test_an_entry_of_the_folder_that_cannot_be_read_is_named(folder):
    (folder.path / "models").symlink_to("x" * 300)
    assert folder.reported() == ["models:0:0: cannot be read: File name too long"]

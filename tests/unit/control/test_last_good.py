"""What a server stores between runs."""

import json
import os
from pathlib import Path

import pytest

from modelyard.config.load import Config
from modelyard.config.server_spec import ServerSpec
from modelyard.control.last_good import LastGood, LastGoodFile
from tests.unit.control.models import application, resolved, spec

CONFIG = Config(
    server=ServerSpec.model_validate({"http": {"port": 9000}, "defaults": {"versions": [1, 2]}}),
    models=(
        spec("churn", replicas={"min": 0, "max": 3}, options={"a": [None, 1.5]}),
        spec("iris", versions={"latest": 2}),
    ),
    sources={"churn": Path("serve_config/models/churn.yaml"), "iris": Path("serve_config/models/iris.yaml")},
    root=Path("/srv/yard"),
)
GOOD = {"churn": application(resolved())}


def test_what_was_written_is_read_back(tmp_path: Path):
    LastGood(CONFIG, GOOD).write(tmp_path / "last-good.json")
    assert LastGood.read(tmp_path / "last-good.json") == LastGood(CONFIG, GOOD)


@pytest.mark.parametrize("part", ["args", "user_config"])
def test_an_application_that_another_release_wrote_is_left_out(tmp_path: Path, part: str):
    path = tmp_path / "last-good.json"
    LastGood(CONFIG, {**GOOD, "iris": application(resolved("iris"))}).write(path)
    stored = json.loads(path.read_text())
    iris = stored["applications"]["iris"]
    (iris if part == "args" else iris["deployments"][0])[part]["of another release"] = 1
    path.write_text(json.dumps(stored))
    assert LastGood.read(path) == LastGood(CONFIG, GOOD)


def test_before_the_first_run_nothing_is_stored(tmp_path: Path):
    assert LastGood.read(tmp_path / "last-good.json") == LastGood(None, {})


def test_an_empty_state_does_not_overwrite_a_stored_one(tmp_path: Path):
    LastGood(CONFIG, GOOD).write(tmp_path / "last-good.json")
    LastGood().write(tmp_path / "last-good.json")
    assert LastGood.read(tmp_path / "last-good.json").config == CONFIG


WHOLE = {"server": {}, "models": [{"name": "a"}], "sources": {}, "root": "/", "applications": {}}


def test_the_smallest_file_is_read(tmp_path: Path):
    (tmp_path / "f").write_text(json.dumps(WHOLE))
    assert LastGood.read(tmp_path / "f").config is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        json.dumps({key: value for key, value in WHOLE.items() if key != "applications"}),
        json.dumps({**WHOLE, "models": [{"name": "NOT A NAME"}]}),
        json.dumps({**WHOLE, "models": 3}),
        json.dumps({**WHOLE, "server": {"unknown": 1}}),
        json.dumps({**WHOLE, "sources": []}),
        json.dumps({**WHOLE, "root": None}),
        json.dumps({**WHOLE, "applications": 3}),
        b"\xff",
    ],
    ids=repr,
)
def test_a_file_of_another_make_is_as_good_as_none(tmp_path: Path, text: str | bytes):
    (tmp_path / "f").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert LastGood.read(tmp_path / "f") == LastGood()


def test_the_file_is_for_its_owners_eyes_whatever_stood_there(tmp_path: Path):
    path = tmp_path / "last-good.json"
    path.write_text("old")
    path.chmod(0o666)
    before = os.umask(0)
    try:
        LastGood(CONFIG, GOOD).write(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["last-good.json"]


def test_what_has_changed_is_written_and_tried_again_where_it_could_not_be(tmp_path: Path):
    path = tmp_path / "state" / "last-good.json"
    memory = LastGoodFile(path)
    with pytest.raises(FileNotFoundError):
        memory.update(CONFIG, GOOD)
    path.parent.mkdir()
    memory.update(CONFIG, GOOD)
    assert LastGood.read(path) == LastGood(CONFIG, GOOD)
    path.unlink()
    memory.update(CONFIG, dict(GOOD))
    assert not path.exists()
    memory.update(CONFIG, {})
    assert LastGood.read(path) == LastGood(CONFIG, {})

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from examples.train import example_names, main, missing, publish, train_missing
from examples.trained import Score, Trained, request_body


def trained(value: float = 0.9, artefact: str = "model.skops") -> Trained:
    return Trained(artefact, b"weights", Score("accuracy", value, at_least=0.8, rows=10), instances=["a message"])


def trainer_of(result: Trained) -> Callable[[str], Trained]:
    return lambda name: result


def files_of(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_trained_model_is_published_as_version_one_with_its_example(tmp_path: Path) -> None:
    assert train_missing(tmp_path, ["iris"], trainer_of(trained())) == 0
    assert files_of(tmp_path) == ["iris/1/example.json", "iris/1/model.skops"]
    assert (tmp_path / "iris/1/model.skops").read_bytes() == b"weights"
    assert json.loads((tmp_path / "iris/1/example.json").read_text()) == {"instances": ["a message"]}


def test_a_published_model_is_reported_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train_missing(tmp_path, ["iris"], trainer_of(trained()))
    assert capsys.readouterr().out == "iris: accuracy 0.900 on 10 held-out rows\n"


def test_a_model_below_its_least_score_fails_and_is_not_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_missing(tmp_path, ["iris"], trainer_of(trained(value=0.7))) == 1
    assert files_of(tmp_path) == []
    assert capsys.readouterr().err == "iris: accuracy 0.700 on 10 held-out rows, below the minimum of 0.8\n"


def test_a_model_at_its_least_score_is_good_enough(tmp_path: Path) -> None:
    assert train_missing(tmp_path, ["iris"], trainer_of(trained(value=0.8))) == 0


def test_one_weak_model_does_not_keep_the_others_from_being_published(tmp_path: Path) -> None:
    def train(name: str) -> Trained:
        return trained(value=0.1 if name == "diabetes" else 0.9)

    assert train_missing(tmp_path, ["diabetes", "iris"], train) == 1
    assert files_of(tmp_path) == ["iris/1/example.json", "iris/1/model.skops"]


def test_only_models_without_a_first_version_are_missing(tmp_path: Path) -> None:
    publish(tmp_path / "iris", trained())
    (tmp_path / "digits" / ".1.partial").mkdir(parents=True)
    assert missing(tmp_path, ["iris", "digits", "diabetes"]) == ["digits", "diabetes"]


def test_what_an_interrupted_run_left_behind_is_not_published(tmp_path: Path) -> None:
    left = tmp_path / "iris" / ".1.partial"
    left.mkdir(parents=True)
    (left / "model.onnx").write_bytes(b"half")
    publish(tmp_path / "iris", trained())
    assert files_of(tmp_path) == ["iris/1/example.json", "iris/1/model.skops"]


def test_nothing_is_printed_or_trained_if_nothing_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in example_names():
        publish(tmp_path / name, trained())
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr() == ("", "")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_an_unknown_name_is_wrong_usage_and_the_examples_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path), "irs"])
    assert "unknown example irs; known: breast-cancer, diabetes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("instances", "body"),
    [
        (["où est-il?"], '{"instances": [\n  "où est-il?"\n]}\n'),
        ([[1, 2], [3, 4]], '{"instances": [\n  [1, 2],\n  [3, 4]\n]}\n'),
        ([{"age": 41.0}], '{"instances": [\n  {"age": 41.0}\n]}\n'),
        ([list(range(10))], '{"instances": [\n  [0, 1, 2, 3, 4, 5, 6, 7,\n   8, 9]\n]}\n'),
    ],
)
def test_a_request_is_laid_out_an_instance_a_line(instances: list[object], body: str) -> None:
    assert request_body(instances) == body
    assert json.loads(body) == {"instances": instances}

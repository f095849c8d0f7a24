"""The examples as they are trained for a new user; each is trained once for all tests."""

import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import skops.io

from examples.models import ticket_topic
from examples.train import example_names, train
from examples.trained import Trained
from modelyard.config.model_spec import ModelSpec
from modelyard.runtimes.python import model as python

SERVE_CONFIG = Path(__file__).parents[3] / "serve_config" / "models"

# What a server must allow by itself for the forest to load; skops leaves trees out of what it trusts by default.
TREES = ["sklearn.tree._tree.Tree"]


trained_once = cache(train)


@pytest.fixture(params=example_names())
def example(request: pytest.FixtureRequest) -> tuple[str, Trained]:
    return request.param, trained_once(request.param)


def predictions(trained: Trained, instances: list[Any]) -> list[Any]:
    """The outputs of the artefact, through its framework's own API."""
    if "model.py" in trained.other_files:
        spec = ModelSpec(name="m", runtime="python:model:Zen", trusted=True)
        written = python.load(trained.files(), spec, cpus=1)
        texts = np.array([instance["text_input"] for instance in instances], object)
        return list(written.predict({"text_input": texts}, ["text_output"])["text_output"])
    if trained.artefact == "model.onnx":
        session = onnxruntime.InferenceSession(trained.content)
        (tensor,) = session.get_inputs()
        return list(session.run(["label"], {tensor.name: np.array(instances, dtype=np.float32)})[0])
    model = skops.io.loads(trained.content, trusted=TREES)
    rows = instances if isinstance(instances[0], str) else pd.DataFrame(instances)
    if isinstance(instances[0], list):
        rows.columns = model.feature_names_in_
    return list(model.predict(rows))


def test_an_example_reaches_its_score_on_rows_it_never_saw(example: tuple[str, Trained]) -> None:
    _, trained = example
    assert trained.score.good, trained.score


def test_its_request_names_the_inputs_of_the_artefact(example: tuple[str, Trained]) -> None:
    name, trained = example
    body = json.loads(trained.files()["example.json"])
    answers = predictions(trained, body["instances"])
    expected = {
        "breast-cancer": ["malignant", "benign"],
        "digits": [2],
        "iris": ["setosa", "virginica", "versicolor"],
        "ticket-topic": ["billing", "returns", "technical"],
        "zen": [" better than ugly.", " better than never."],
    }
    if name in expected:
        assert answers == expected[name]
    else:
        low, high = {"diabetes": (25, 346), "wine-alcohol": (11, 14.9)}[name]  # the range of the data
        assert all(low <= response <= high for response in answers)


def test_an_artefact_holds_no_type_that_could_run_code(example: tuple[str, Trained]) -> None:
    _, trained = example
    if trained.artefact == "model.skops":
        assert skops.io.get_untrusted_types(data=trained.content) in ([], TREES)


def test_an_artefact_is_small(example: tuple[str, Trained]) -> None:
    _, trained = example
    assert len(trained.content) < 5_000_000


def test_an_onnx_example_accepts_any_number_of_rows() -> None:
    session = onnxruntime.InferenceSession(trained_once("digits").content)
    assert [(tensor.type, tensor.shape) for tensor in session.get_inputs()] == [("tensor(float)", [None, 64])]
    assert [output.name for output in session.get_outputs()] == ["label", "probabilities"]


def test_every_example_is_served_and_every_served_model_is_an_example() -> None:
    assert sorted(path.stem for path in SERVE_CONFIG.glob("*.yaml")) == example_names()


def test_the_tickets_are_balanced_and_each_is_there_once() -> None:
    texts, topics = ticket_topic.read()
    assert Counter(topics) == dict.fromkeys(["account", "billing", "returns", "shipping", "technical"], 60)
    assert len(set(texts)) == 300

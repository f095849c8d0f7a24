"""The example of docs/runtimes.md, read from the page."""

import json
import re
from pathlib import Path

import pytest
import yaml

from modelyard.config.model_spec import ModelSpec
from modelyard.inference.warmup import warm
from modelyard.protocols.predict.codec import PredictCodec
from modelyard.protocols.predict.example import example_body
from modelyard.runtimes.base import LoadError
from modelyard.runtimes.python import model as python

PAGE = (Path(__file__).parents[3] / "docs" / "runtimes.md").read_text()
SECTION = PAGE.partition("\n## Python\n")[2].partition("\n## ")[0]
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", SECTION, re.DOTALL | re.MULTILINE)


def blocks(language: str) -> list[str]:
    return [text for kind, text in BLOCKS if kind == language]


def risk(**changes: object) -> tuple[ModelSpec, dict[str, bytes]]:
    [written] = blocks("yaml")
    sources = {text.partition("\n")[0].rpartition("/")[2]: text.encode() for text in blocks("python")}
    return ModelSpec(**{**yaml.safe_load(written), **changes}), {**sources, "weights.json": blocks("json")[0].encode()}


def test_the_pages_example_loads_and_answers_the_pages_request() -> None:
    spec, files = risk()
    model = python.load(files, spec, cpus=1)
    codec = PredictCodec(spec.name, 1, model.signature)
    body = blocks("json")[1]
    call = codec.decode(body.encode(), b"application/json")
    response = codec.encode(call, model.predict(call.request.inputs, call.request.outputs)).decode()
    assert '"predictions":["low","high"]' in response
    assert json.loads(example_body(model.signature, model.example)) == json.loads(body)
    assert warm(model, [call.request], batching=spec.batching).batchable


def test_the_pages_error_is_what_the_operator_sees() -> None:
    spec, files = risk(options={})
    with pytest.raises(LoadError) as caught:
        python.load(files, spec, cpus=1)
    assert blocks("") == [f"{caught.value}\n"]

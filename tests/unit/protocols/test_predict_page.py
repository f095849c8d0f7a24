"""Every request in docs/predict.md gets the response on the page; tests/serve/test_served_page.py sends them to real models."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from modelyard.errors import ModelyardError
from modelyard.http.problem import problem
from modelyard.protocols.predict.codec import PredictCodec, PredictRequest
from modelyard.protocols.predict.rows import MAX_ROWS
from modelyard.tensors import FREE, Signature, Tensors, TensorSpec
from tests.unit.protocols.samples import same, texts

PAGE = (Path(__file__).parents[3] / "docs" / "predict.md").read_text(encoding="utf-8")
BLOCK = re.compile(
    r"^```(?:http\nPOST (?P<path>/models/(?P<served>\S+)/predict)\ncontent-type: (?P<content_type>[^\n]+)\n"
    r"|json request (?P<other>\S+))\n"
    r"(?P<body>.*?)^```\n(?:\n```json\n(?P<answer>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)
EXCHANGES = [
    {
        **match.groupdict(),
        "model": match["served"] or match["other"],
        "content_type": match["content_type"] or "application/json",
    }
    for match in BLOCK.finditer(PAGE)
]
"""`served` are those of models that `make serve` serves."""
FEATURES = ("sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm")


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the page: its signature, and a function from inputs to outputs."""

    signature: Signature
    predict: Callable[[Tensors], Tensors]


def iris(inputs: Tensors) -> Tensors:
    large = inputs["x"][:, 3] > 1
    scores = np.where(large[:, None], [0.0, 0.047, 0.953], [0.9791, 0.0209, 0.0])
    return {"label": np.where(large, "virginica", "setosa").astype(object), "scores": scores}


def ticket_topic(inputs: Tensors) -> Tensors:
    rows = len(inputs["text"])
    return {"label": texts(*["delivery"] * rows), "scores": np.full((rows, 2), 0.5)}


def thumbnail(inputs: Tensors) -> Tensors:
    image = inputs["image"]
    return {
        "brightness": image.mean((1, 2), dtype=np.float32),
        "embedding": np.full((len(image), 2), [0.5, 0.25], np.float32),
    }


def distance(inputs: Tensors) -> Tensors:
    steps = np.diff(inputs["points"], axis=0)
    return {"total": inputs["scale"] * np.sqrt((steps**2).sum())}


def loan(inputs: Tensors) -> Tensors:
    lines = []
    for row in range(len(inputs["income"])):
        values = {name: array[row] for name, array in inputs.items()}
        missing = [name for name, value in values.items() if value is None or value != value]
        lines.append(", ".join(missing) or "nothing missing")
    return {"answer": texts(*lines)}


MODELS = {
    "iris": Model(
        Signature(
            inputs=(TensorSpec("x", "FP64", (FREE, 4), FEATURES),),
            outputs=(TensorSpec("label", "BYTES", (FREE,)), TensorSpec("scores", "FP64", (FREE, 3))),
            task="classification",
            classes=("setosa", "versicolor", "virginica"),
            label="label",
            scores="scores",
        ),
        iris,
    ),
    "ticket-topic": Model(
        Signature(
            inputs=(TensorSpec("text", "BYTES", (FREE,)),),
            outputs=(TensorSpec("label", "BYTES", (FREE,)), TensorSpec("scores", "FP64", (FREE, 2))),
            task="classification",
            classes=("delivery", "refund"),
            label="label",
            scores="scores",
        ),
        ticket_topic,
    ),
    "wine": Model(
        Signature(
            inputs=(
                TensorSpec("cultivar", "BYTES", (FREE,)),
                TensorSpec("magnesium", "INT64", (FREE,)),
                TensorSpec("proline", "FP64", (FREE,)),
            ),
            outputs=(TensorSpec("value", "FP64", (FREE,)),),
            task="regression",
        ),
        lambda inputs: {"value": inputs["magnesium"] * inputs["proline"]},
    ),
    "wine-alcohol": Model(
        Signature(
            inputs=(
                *(
                    TensorSpec(name, "FP64", (FREE,))
                    for name in ("color_intensity", "magnesium", "proline", "total_phenols")
                ),
                TensorSpec("cultivar", "BYTES", (FREE,), missing=True),
            ),
            outputs=(TensorSpec("value", "FP64", (FREE,)),),
            task="regression",
        ),
        lambda inputs: {"value": inputs["magnesium"]},
    ),
    "loan": Model(
        Signature(
            inputs=(
                TensorSpec("income", "FP64", (FREE,)),
                TensorSpec("city", "BYTES", (FREE,), missing=True),
                TensorSpec("visits", "INT64", (FREE,), missing=True),
                TensorSpec("member", "BOOL", (FREE,), missing=True),
            ),
            outputs=(TensorSpec("answer", "BYTES", (FREE,)),),
            fitted=("id", "income", "city", "visits", "member"),
        ),
        loan,
    ),
    "thumbnail": Model(
        Signature(
            inputs=(TensorSpec("image", "UINT8", (FREE, FREE, FREE)),),
            outputs=(TensorSpec("brightness", "FP32", (FREE,)), TensorSpec("embedding", "FP32", (FREE, 2))),
        ),
        thumbnail,
    ),
    "distance": Model(
        Signature(
            inputs=(TensorSpec("points", "FP32", (FREE, 2)), TensorSpec("scale", "FP32", ())),
            outputs=(TensorSpec("total", "FP32", ()),),
        ),
        distance,
    ),
}


def decode(exchange: dict[str, str]) -> PredictRequest:
    codec = PredictCodec(exchange["model"], 1, MODELS[exchange["model"]].signature)
    return codec.decode(exchange["body"].encode(), exchange["content_type"].encode())


def answer(exchange: dict[str, str]) -> bytes:
    model = MODELS[exchange["model"]]
    try:
        call = decode(exchange)
    except ModelyardError as error:
        return problem(error, "5f2b", exchange["path"]).body
    outputs = model.predict(call.request.inputs)
    wanted = {name: outputs[name] for name in call.request.outputs}
    return PredictCodec(exchange["model"], 1, model.signature).encode(call, wanted)


def test_every_block_of_the_page_is_tested() -> None:
    assert len(EXCHANGES) == PAGE.count("```http") + PAGE.count("```json request")
    assert sum(exchange["answer"] is not None for exchange in EXCHANGES) == PAGE.count("```json\n")


def test_a_request_that_can_be_pasted_is_for_a_model_that_make_serve_serves() -> None:
    served = {path.stem for path in (Path(__file__).parents[3] / "serve_config" / "models").glob("*.yaml")}
    assert {each["served"] for each in EXCHANGES if each["served"]} <= served
    assert not {each["other"] for each in EXCHANGES if each["other"]} & served


@pytest.mark.parametrize("exchange", [each for each in EXCHANGES if each["answer"]], ids=lambda each: each["body"][:40])
def test_the_response_is_the_one_on_the_page(exchange: dict[str, str]) -> None:
    assert json.loads(answer(exchange)) == json.loads(exchange["answer"])


@pytest.mark.parametrize(
    "exchange", [each for each in EXCHANGES if not each["answer"]], ids=lambda each: each["body"][:40]
)
def test_a_request_without_a_response_on_the_page_succeeds(exchange: dict[str, str]) -> None:
    assert "predictions" in json.loads(answer(exchange))


def test_all_formats_of_two_flowers_give_the_same_response() -> None:
    flowers = {"x": np.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]])}
    inputs_of_all = [
        decode(each).request.inputs for each in EXCHANGES if each["model"] == "iris" and not each["answer"]
    ]
    assert len(inputs_of_all) == 8
    assert all(same(inputs, flowers) for inputs in inputs_of_all)


def test_the_row_limit_is_the_one_on_the_page() -> None:
    assert f"at most {MAX_ROWS:,} rows" in PAGE

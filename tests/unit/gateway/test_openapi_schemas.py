"""What the OpenAPI document says that a model takes is what predict takes; so with what it gives."""

import json
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from deployments.errors import InvalidRequest
from deployments.gateway.openapi.components import components
from deployments.gateway.openapi.predict import invocations_answer, predict_answer, predict_request
from deployments.protocols.predict import PredictCodec
from deployments.tensors import DTYPES, FREE, Array, Signature, TensorSpec
from tests.unit.gateway.gate import MODELS, ask, entry

IRIS = Signature(
    (TensorSpec("x", "FP32", (FREE, 2), ("length", "width")),),
    (TensorSpec("label", "INT64", (FREE,)), TensorSpec("scores", "FP32", (FREE, 2))),
    task="classification",
    classes=("a", "b"),
    label="label",
    scores="scores",
)
TEXTS = Signature((TensorSpec("text", "BYTES", (FREE, 1)),), (TensorSpec("n", "FP64", (FREE, 1)),), task="regression")
WINE = Signature(
    (TensorSpec("grape", "BYTES", (FREE, 1)), TensorSpec("year", "INT16", (FREE, 1), optional=True)),
    (TensorSpec("n", "FP64", (FREE, 1)), TensorSpec("m", "FP64", (FREE, 3))),
)
IMAGE = Signature((TensorSpec("image", "UINT8", (FREE, 2, 2)),), (TensorSpec("dark", "BOOL", (FREE, 1)),))
FREE_AXES = Signature(
    (TensorSpec("points", "FP64", (FREE, 2)), TensorSpec("scale", "FP64", ())), (TensorSpec("total", "FP64", ()),)
)
TITANIC = Signature(
    (
        TensorSpec("age", "FP64", (FREE, 1)),
        TensorSpec("sex", "BYTES", (FREE, 1), missing=True),
        TensorSpec("alone", "BOOL", (FREE, 1), missing=True),
    ),
    (TensorSpec("labels", "BYTES", (FREE, 2)), TensorSpec("scores_0", "FP64", (FREE, 2))),
    task="classification",
    label="labels",
    fitted=("id", "sex", "age", "alone"),
)
CUT = Signature(
    (TensorSpec("x", "FP64", (FREE, 2), ("a", "b")),), (TensorSpec("n", "FP64", (FREE,)),), fitted=("b", "c", "a")
)
PAIR = Signature((TensorSpec("x", "FP32", (2, 1)),), (TensorSpec("y", "FP32", (2, 1)),))

TAKEN: list[tuple[Signature, Any]] = [
    (IRIS, {"instances": [[1, 2.5], [3, None]]}),
    (IRIS, {"instances": [{"width": 2, "length": 1}]}),
    (IRIS, {"instances": [[1, 2]], "probabilities": True, "outputs": ["label"]}),
    (IRIS, {"inputs": {"length": [1], "width": [2]}}),
    (IRIS, {"inputs": {"x": [[1, 2]]}}),
    (IRIS, {"inputs": [[1, 2]]}),
    (IRIS, {"dataframe_split": {"columns": ["width", "length"], "data": [[1, 2]], "index": [0]}}),
    (IRIS, {"dataframe_records": [{"width": 2, "length": 1}]}),
    (TEXTS, {"instances": ["a", "b"]}),
    (TEXTS, {"instances": [{"b64": "/+7d"}]}),
    (TEXTS, {"instances": [["a"]]}),
    (WINE, {"instances": [["barolo", 1999]]}),
    (WINE, {"instances": [["barolo"]]}),
    (WINE, {"instances": [{"grape": "barolo"}]}),
    (WINE, {"inputs": {"grape": [["barolo"]], "year": [[3]]}}),
    (IMAGE, {"instances": [[[0, 255], [255, 0]]]}),
    (FREE_AXES, {"inputs": {"points": [[0, 0], [3, 4]], "scale": 2}}),
    (PAIR, {"instances": [[1], [2]]}),
    (IRIS, {"instances": [[1, True]]}),
    (TITANIC, {"instances": [[1, "m", True], [None, None, None]]}),
    (TITANIC, {"instances": [{"age": 1}, {"age": 2, "sex": None, "id": {}}]}),
    (TITANIC, {"instances": [[[], "m", 1, None]]}),
    (TITANIC, {"inputs": {"age": [1], "sex": [[None]], "alone": [[False]], "id": 7}}),
    (TITANIC, {"dataframe_records": [{"id": 1, "age": None}]}),
    (CUT, {"instances": [[1, 2]]}),
    (CUT, {"instances": [[1, "?", 2]]}),
    (CUT, {"inputs": [[1, "?", 2]]}),
    (CUT, {"inputs": {"x": [[1, "?", 2]], "c": None}}),
    (CUT, {"inputs": {"a": [1], "b": [2], "c": {}}}),
]
REFUSED: list[tuple[Signature, Any]] = [
    (IRIS, {"instances": []}),
    (IRIS, {"instances": [[1]]}),
    (IRIS, {"instances": [[1, 2, 3]]}),
    (IRIS, {"instances": [[1, "2"]]}),
    (IRIS, {"instances": [[1, "true"]]}),
    (IRIS, {"instances": [[1, 1e39]]}),
    (IRIS, {"instances": [{"length": 1}]}),
    (IRIS, {"instances": [{"length": 1, "width": 2, "height": 3}]}),
    (IRIS, {"instances": [[1, 2]], "inputs": [[1, 2]]}),
    (IRIS, {"instances": [[1, 2]], "outptus": ["label"]}),
    (IRIS, {"instances": [[1, 2]], "outputs": ["labels"]}),
    (IRIS, {"instances": [[1, 2]], "outputs": []}),
    (IRIS, {"instances": [[1, 2]], "probabilities": 1}),
    (IRIS, {"inputs": {}}),
    (IRIS, {"dataframe_split": {"data": [[1, 2]]}}),
    (IRIS, {}),
    (IRIS, []),
    (TEXTS, {"instances": [1]}),
    (TEXTS, {"instances": [{"b65": ""}]}),
    (WINE, {"instances": [{"year": 1999}]}),
    (WINE, {"instances": [["barolo", 70000]]}),
    (WINE, {"instances": [["barolo", 1.5]]}),
    (IMAGE, {"instances": [[[0, 256], [255, 0]]]}),
    (IMAGE, {"instances": [[[0, 1]]]}),
    (FREE_AXES, {"instances": [1]}),
    (FREE_AXES, {"inputs": {"points": []}}),
    (PAIR, {"instances": [[1]]}),
    (TITANIC, {"instances": [{"sex": "m"}]}),
    (TITANIC, {"instances": [{"age": 1, "idd": 1}]}),
    (TITANIC, {"instances": [[1, 2, True]]}),
    (TITANIC, {"instances": [[1, "m", 1]]}),
    (CUT, {"instances": [[1, "?", "2"]]}),
    (CUT, {"instances": [[1, 2, 3, 4]]}),
]


def fits(schema: dict[str, Any], document: Any) -> bool:
    validator = Draft202012Validator({"components": {"schemas": components()}, **schema})
    return bool(validator.is_valid(document))


def codec(signature: Signature) -> PredictCodec:
    return PredictCodec("m", 1, signature)


@pytest.mark.parametrize(("signature", "body"), TAKEN, ids=str)
def test_what_predict_takes_is_allowed(signature: Signature, body: Any) -> None:
    codec(signature).decode(json.dumps(body).encode(), b"")
    assert fits(predict_request(signature), body)


@pytest.mark.parametrize(("signature", "body"), REFUSED, ids=str)
def test_what_the_document_forbids_is_refused(signature: Signature, body: Any) -> None:
    assert not fits(predict_request(signature), body)
    with pytest.raises(InvalidRequest):
        codec(signature).decode(json.dumps(body).encode(), b"")


@pytest.mark.parametrize(("signature", "body"), TAKEN, ids=str)
def test_a_model_without_a_signature_takes_what_any_may(signature: Signature, body: Any) -> None:
    assert fits(predict_request(None), body)


def zeros(spec: TensorSpec, rows: int) -> Array:
    shape = [rows if axis == FREE else axis for axis in spec.shape]
    return np.full(shape, "0", object) if spec.datatype == "BYTES" else np.zeros(shape, DTYPES[spec.datatype])


@pytest.mark.parametrize(("signature", "body"), TAKEN, ids=str)
def test_every_answer_fits(signature: Signature, body: Any) -> None:
    asked = codec(signature).decode(json.dumps(body).encode(), b"")
    rows = asked.request.rows if signature.rowwise else 2
    outputs: dict[str, Array] = {spec.name: zeros(spec, rows) for spec in signature.outputs}
    answer = json.loads(codec(signature).encode(asked, outputs))
    bare = json.loads(codec(signature).encode_bare(asked, outputs))
    for known in (signature, None):
        assert fits(predict_answer(known), answer), answer
        assert fits(invocations_answer(known), bare), bare


def test_a_label_that_the_model_does_not_have_does_not_fit() -> None:
    answer = {"model_name": "m", "model_version": "1", "predictions": ["c"]}
    assert not fits(predict_answer(IRIS), answer)


def test_the_gateway_gives_the_document_of_its_models_with_their_own_routes() -> None:
    document = ask("/openapi.json", known={"iris": IRIS}).json
    assert document["openapi"].startswith("3.1")
    assert {"/models/iris/predict", "/models/churn/predict", "/who/leaves/predict"} <= document["paths"].keys()
    assert "/models/leavers/predict" not in document["paths"]
    [name] = document["paths"]["/v2/models/{name}"]["get"]["parameters"]
    assert name["schema"]["enum"] == ["iris", "churn", "fraud", "leavers"]


def test_only_models_that_are_awake_are_asked_for_their_signatures() -> None:
    sleeping = entry("sleeper", asleep=True)
    document = ask("/openapi.json", entries=[*MODELS, sleeping], known={"iris": IRIS, "sleeper": IRIS}).json
    bodies = {
        name: document["paths"][f"/models/{name}/predict"]["post"]["requestBody"]["content"]["application/json"][
            "schema"
        ]
        for name in ("iris", "sleeper")
    }
    assert bodies["iris"] == json.loads(json.dumps(predict_request(IRIS)))
    assert bodies["sleeper"] == predict_request(None)


def test_the_document_of_no_models_has_the_servers_paths() -> None:
    assert "/v2/models/{name}/infer" in ask("/openapi.json", entries=[]).json["paths"]

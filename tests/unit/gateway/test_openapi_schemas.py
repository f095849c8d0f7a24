"""The OpenAPI document allows exactly the requests that predict accepts, and all its responses."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from modelyard.errors import InvalidRequest
from modelyard.gateway.openapi.components import components
from modelyard.gateway.openapi.document import component_prefixes, openapi
from modelyard.gateway.openapi.predict_schemas import predict_components
from modelyard.gateway.openapi.value_schemas import enumerated, input_tensor, input_value
from modelyard.http.problem import STATUSES
from modelyard.protocols.predict.codec import PredictCodec
from modelyard.tensors import DTYPES, FREE, Array, Signature, TensorSpec
from tests.unit.gateway.gateway_client import MODELS, entry, get_response

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

ACCEPTED: list[tuple[Signature, Any]] = [
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
    (WINE, {"inputs": {"grape": [["barolo"]]}}),
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
REJECTED: list[tuple[Signature, Any]] = [
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
    (IRIS, {"instances": [[1, 2]], "outputs": ["label", "label"]}),
    (IRIS, {"dataframe_split": {"columns": ["length", "width"], "data": [[1, 2]], "cells": []}}),
    (WINE, {"instances": [["barolo", None]]}),
    (WINE, {"inputs": {"grape": [["barolo"]], "yaer": [[3]]}}),
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


REQUEST, RESPONSE, INVOCATION = "PredictRequest", "Prediction", "Invocation"


def fits(kind: str, signature: Signature | None, document: Any) -> bool:
    schemas = components() | predict_components("M" if signature else "", signature)
    reference = {"$ref": f"#/components/schemas/{'M' if signature else ''}{kind}"}
    return bool(Draft202012Validator({"components": {"schemas": schemas}, **reference}).is_valid(document))


def codec(signature: Signature) -> PredictCodec:
    return PredictCodec("m", 1, signature)


@pytest.mark.parametrize(("signature", "body"), ACCEPTED, ids=str)
def test_a_request_that_predict_accepts_is_allowed(signature: Signature, body: Any) -> None:
    codec(signature).decode(json.dumps(body).encode(), b"")
    assert fits(REQUEST, signature, body)


@pytest.mark.parametrize(("signature", "body"), REJECTED, ids=str)
def test_a_request_that_the_document_forbids_is_rejected(signature: Signature, body: Any) -> None:
    assert not fits(REQUEST, signature, body)
    with pytest.raises(InvalidRequest):
        codec(signature).decode(json.dumps(body).encode(), b"")


@pytest.mark.parametrize(("signature", "body"), ACCEPTED, ids=str)
def test_a_model_without_a_signature_allows_every_request(signature: Signature, body: Any) -> None:
    assert fits(REQUEST, None, body)


def zeros(spec: TensorSpec, rows: int) -> Array:
    shape = [rows if axis == FREE else axis for axis in spec.shape]
    return np.full(shape, "0", object) if spec.datatype == "BYTES" else np.zeros(shape, DTYPES[spec.datatype])


@pytest.mark.parametrize(("signature", "body"), ACCEPTED, ids=str)
def test_every_response_fits(signature: Signature, body: Any) -> None:
    decoded = codec(signature).decode(json.dumps(body).encode(), b"")
    rows = decoded.request.rows if signature.rowwise else 2
    outputs: dict[str, Array] = {spec.name: zeros(spec, rows) for spec in signature.outputs}
    response = json.loads(codec(signature).encode(decoded, outputs))
    bare = json.loads(codec(signature).encode_predictions(decoded, outputs))
    for known in (signature, None):
        assert fits(RESPONSE, known, response), response
        assert fits(INVOCATION, known, bare), bare


def test_an_unknown_label_does_not_fit() -> None:
    response = {"model_name": "m", "model_version": "1", "predictions": ["c"]}
    scores_only = replace(IRIS, label="", outputs=IRIS.outputs[1:])
    assert not fits(RESPONSE, scores_only, response)
    assert fits(RESPONSE, scores_only, {**response, "predictions": ["b"]})
    assert fits(RESPONSE, scores_only, {**response, "predictions": [[0.25, 0.75]]})


def test_the_document_has_the_routes_of_the_models() -> None:
    document = get_response("/openapi.json", known={"iris": IRIS}).json
    assert document["openapi"].startswith("3.1")
    assert {"/models/iris/predict", "/models/churn/predict", "/who/leaves/predict"} <= document["paths"].keys()
    assert "/models/leavers/predict" not in document["paths"]
    assert document["paths"]["/v2/models/{name}"]["get"]["parameters"] == [
        {"$ref": "#/components/parameters/ModelName"}
    ]
    assert document["components"]["parameters"]["ModelName"]["schema"]["enum"] == ["iris", "churn", "fraud", "leavers"]


def test_models_that_are_scaled_to_zero_have_the_schemas_of_any_model() -> None:
    idle = entry("idle", scaled_to_zero=True)
    document = get_response("/openapi.json", entries=[*MODELS, idle], known={"iris": IRIS, "idle": IRIS}).json
    for name, request, response in (
        ("iris", "IrisPredictRequest", "IrisPrediction"),
        ("idle", "PredictRequest", "Prediction"),
    ):
        operation = document["paths"][f"/models/{name}/predict"]["post"]
        contents = operation["requestBody"]["content"], operation["responses"]["200"]["content"]
        assert [each["application/json"]["schema"]["$ref"].split("/")[-1] for each in contents] == [request, response]
    assert {"IrisRow", "IrisPredictRequest", "IrisPrediction"} <= document["components"]["schemas"].keys()


def test_a_version_in_a_path_is_a_number_or_label_of_the_model() -> None:
    models = [entry("two", versions=[3, 1], version_labels={"stable": 1}), entry("churn", "LOADING")]
    paths = get_response("/openapi.json", entries=models).json["paths"]
    (version,) = paths["/models/two/versions/{version}/ready"]["get"]["parameters"]
    assert (version["name"], version["schema"]["enum"]) == ("version", ["3", "1", "stable"])
    (version,) = paths["/models/churn/versions/{version}/ready"]["get"]["parameters"]
    assert version == {"$ref": "#/components/parameters/Version"}


def walked(node: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Each value in the document, with the name of its member."""
    yield place, node
    if isinstance(node, dict):
        for name, each in node.items():
            yield from walked(each, name)
    elif isinstance(node, list):
        for each in node:
            yield from walked(each, place)


SIGNATURES = {"iris": IRIS, "texts": TEXTS, "wine": WINE, "image": IMAGE, "free": FREE_AXES, "pair": PAIR}
DOCUMENT = openapi({name: entry(name) for name in SIGNATURES} | {"scaled-to-zero": entry("scaled-to-zero")}, SIGNATURES)


def test_only_additional_properties_has_a_boolean_schema() -> None:
    found = {place for place, node in walked(DOCUMENT) if isinstance(node, bool)}
    assert found == {"additionalProperties", "required", "uniqueItems"}


def test_every_description_is_unique() -> None:
    descriptions = [node for place, node in walked(DOCUMENT) if place == "description" and isinstance(node, str)]
    phrases = {"OK", "Not ready", *(title for _, title in STATUSES.values())}  # every response needs one
    described = [each for each in descriptions if each not in phrases]
    assert len(described) == len(set(described)) > len(SIGNATURES)
    assert "about iris" in described


def test_every_array_has_an_item_schema() -> None:
    lists = [node for _, node in walked(DOCUMENT) if isinstance(node, dict) and node.get("type") == "array"]
    assert len(lists) > 50
    assert [node for node in lists if "items" not in node] == []


def test_components_have_the_names_of_their_models() -> None:
    assert component_prefixes(["ticket-topic", "iris", "3d", "a-b", "a.b", "ab", "x_y.z"]) == {
        "ab": "Ab3",
        "3d": "Model3d",
        "a-b": "AB",
        "a.b": "AB2",
        "iris": "Iris",
        "ticket-topic": "TicketTopic",
        "x_y.z": "XYZ",
    }


@pytest.mark.parametrize(
    ("values", "schema"),
    [
        (("a", "b"), {"type": "string", "enum": ["a", "b"]}),
        ((1, 2), {"type": "integer", "enum": [1, 2]}),
        ((0.5, 1.5), {"type": "number"}),
        ((True, False), {"type": "boolean"}),
        (("a-b", "a b"), {"type": "string"}),
        (("<", ">"), {"type": "string"}),
        (("<", "a"), {"type": "string"}),
        (("a", 1), {"enum": ["a", 1]}),
    ],
)
def test_values_are_listed_if_client_generators_can_name_them(values: Any, schema: Any) -> None:
    assert enumerated(values) == schema


def test_the_document_without_models_has_the_paths_of_the_server() -> None:
    assert "/v2/models/{name}/infer" in get_response("/openapi.json", entries=[]).json["paths"]


@pytest.mark.parametrize(
    ("datatype", "missing", "accepted", "rejected"),
    [
        ("INT16", False, [1, True, -(2**15)], [None, 1.5, "1", 2**15]),
        ("INT16", True, [1, None], ["1"]),
        ("FP32", False, [1.5, None, False], ["1", 1e39]),
        ("BOOL", False, [True], [1, None]),
        ("BOOL", True, [True, None], [1]),
        ("BYTES", False, ["a", {"b64": ""}], [None, 1]),
        ("BYTES", True, ["a", None], [1]),
    ],
)
def test_null_is_a_value_of_numbers_with_fractions_and_of_inputs_with_missing_values(
    datatype: str, missing: bool, accepted: list[Any], rejected: list[Any]
) -> None:
    schema = {"components": {"schemas": components()}, **input_value(datatype, missing=missing)}
    validator = Draft202012Validator(schema)
    assert [value for value in [*accepted, *rejected] if validator.is_valid(value)] == accepted


def test_a_list_of_values_may_be_sent_as_a_column_and_a_column_as_a_list() -> None:
    for shape in ((FREE,), (FREE, 1)):
        validator = Draft202012Validator(input_tensor(TensorSpec("x", "FP64", shape)))
        assert [value for value in ([1, 2], [[1], [2]], [[1, 2]], 1) if validator.is_valid(value)] == [
            [1, 2],
            [[1], [2]],
        ]


@pytest.mark.parametrize(
    ("signature", "members", "expected"),
    [
        (IRIS, {"predictions": ["a", 7]}, True),
        (IRIS, {"predictions": [0.5]}, False),
        (IRIS, {"predictions": ["c"]}, False),
        (IRIS, {}, False),
        (IRIS, {"predictions": ["a"], "shape": [1]}, False),
        (IRIS, {"predictions": ["a"], "outputs": {"label": [1]}}, True),
        (IRIS, {"predictions": ["a"], "outputs": {"labels": [1]}}, False),
        (TEXTS, {"predictions": [1.5]}, True),
        (TEXTS, {"predictions": [{"n": 1.5}]}, False),
        (TEXTS, {"predictions": ["a"]}, False),
        (WINE, {"predictions": [{"n": [1.5], "m": [1, 2, 3]}]}, True),
        (WINE, {"predictions": [{"n": [1.5], "o": [1, 2, 3]}]}, False),
        (FREE_AXES, {"outputs": {"total": 1.5}}, True),
    ],
)
def test_a_response_has_only_what_its_model_can_return(
    signature: Signature, members: dict[str, Any], expected: bool
) -> None:
    assert fits(RESPONSE, signature, {"model_name": "m", "model_version": "1", **members}) is expected


def test_client_generators_get_the_simplest_form() -> None:
    """Schemas that allow the same documents, and of which some generators support only this one."""
    requests = {name: predict_components("M", each)["MPredictRequest"] for name, each in SIGNATURES.items()}
    assert requests["free"]["required"] == ["inputs"]
    assert "allOf" not in requests["free"]
    rows = {name: requests[name]["properties"]["instances"]["items"]["anyOf"][1] for name in ("iris", "wine")}
    assert "prefixItems" not in rows["iris"]
    assert len(rows["wine"]["prefixItems"]) == 2


def test_every_member_of_a_component_has_a_schema() -> None:
    schemas = components()
    found = [
        each for _, node in walked(schemas) if isinstance(node, dict) for each in node.get("properties", {}).values()
    ]
    assert len(found) > 50
    assert all(isinstance(each, dict) for each in found)
    assert schemas["InferRequest"]["properties"]["inputs"]["items"]["properties"]["datatype"] == {
        "type": "string",
        "enum": [*DTYPES, "BF16"],
    }
    bytes_schema = Draft202012Validator(schemas["Bytes"])
    texts = ({"b64": "YQ=="}, {"b64": "YQ==", "text": "a"}, {}, "a")
    assert [each for each in texts if bytes_schema.is_valid(each)] == [{"b64": "YQ=="}]

"""Decodes the responses of every protocol to arrays by the names of outputs.

A classifier's "label" and "scores" are under their names in the signature, and the score of the label is CONFIDENCE.
"""

import csv
import io
import json
from typing import Any

import numpy as np
import pyarrow as pa

from modelyard.protocols.grpc.messages import ModelInferResponse
from modelyard.tensors import DTYPES, Signature
from tests.zoo.sent_rows import Sent

CONFIDENCE = "(confidence)"
CLASSES = "(classes)"
Decoded = dict[str, Any]
"""Arrays or nested lists by output; with shapes if the protocol has them."""


def predict(signature: Signature, body: bytes) -> Decoded:
    """`POST .../predict`, as JSON."""
    response = json.loads(body)
    if "predictions" not in response:
        return dict(response["outputs"])
    decoded = _rows(signature, response["predictions"])
    if "confidences" in response:
        decoded[CONFIDENCE] = response["confidences"]
    decoded |= response.get("outputs", {})
    if "probabilities" in response:
        decoded[signature.scores] = response["probabilities"]
        if "classes" in response:
            decoded[CLASSES] = response["classes"]
    return decoded


def invocations(signature: Signature, body: bytes) -> Decoded:
    """`POST .../invocations`."""
    predictions = json.loads(body)["predictions"]
    return dict(predictions) if isinstance(predictions, dict) else _rows(signature, predictions)


def _rows(signature: Signature, predictions: list[Any]) -> Decoded:
    names = [spec.name for spec in signature.outputs]
    if signature.label or signature.scores:
        return {signature.label: predictions} if signature.label else {}
    if len(names) == 1:
        return {names[0]: predictions}
    return {name: [row[name] for row in predictions] for name in names}


def table(signature: Signature, body: bytes, *, arrow: bool) -> Decoded:
    """`POST .../predict`, as CSV or Arrow: a column for each value of a row."""
    if arrow:
        columns = {name: column.to_pylist() for name, column in zip(*_arrow(body), strict=True)}
    else:
        header, *rows = csv.reader(io.StringIO(body.decode(), newline=""))
        columns = {name: [row[place] for row in rows] for place, name in enumerate(header)}
    decoded: Decoded = {}
    if signature.label and "prediction" in columns:
        decoded[signature.label] = columns["prediction"]
        if "confidence" in columns:
            decoded[CONFIDENCE] = columns["confidence"]
    elif len(signature.outputs) == 1:
        only = signature.outputs[0]
        decoded[only.name] = columns.get("prediction") or np.array(list(columns.values()), object).T.tolist()
    return {name: _cells(values) for name, values in decoded.items()} if not arrow else decoded


def _arrow(body: bytes) -> tuple[list[str], list[Any]]:
    read = pa.ipc.open_stream(body).read_all()
    return read.column_names, read.columns


def _cells(values: list[Any]) -> list[Any]:
    """CSV's texts are compared by their meaning."""
    return [_cells(value) if isinstance(value, list) else Written(value) for value in values]


class Written(str):
    """A value in CSV."""


def npy(signature: Signature, body: bytes) -> Decoded:
    """The array of a response."""
    array = np.load(io.BytesIO(body), allow_pickle=False)
    return {signature.label or signature.outputs[0].name: array}


def tensorflow(signature: Signature, body: bytes) -> Decoded:
    """`:predict` with rows or with columns."""
    response = json.loads(body)
    names = [spec.name for spec in signature.outputs]
    if "predictions" in response:
        rows = response["predictions"]
        return {names[0]: rows} if len(names) == 1 else {name: [row[name] for row in rows] for name in names}
    outputs = response["outputs"]
    return {names[0]: outputs} if len(names) == 1 else dict(outputs)


def classify(signature: Signature, body: bytes) -> Decoded:
    """`:classify`."""
    result = json.loads(body)["result"]
    return {
        signature.scores: [[score for _, score in row] for row in result],
        CLASSES: [Written(name) for name, _ in result[0]],
    }


def regress(signature: Signature, body: bytes) -> Decoded:
    """`:regress`."""
    return {signature.outputs[0].name: json.loads(body)["result"]}


def oip(body: bytes, json_length: int | None) -> Decoded:
    """`/v2/models/.../infer`, in JSON or with raw contents after it."""
    end = len(body) if json_length is None else json_length
    decoded: Decoded = {}
    for output in json.loads(body[:end])["outputs"]:
        if "data" in output:
            if output["datatype"].startswith("FP"):
                array = np.array(
                    [np.nan if value is None else value for value in output["data"]], DTYPES[output["datatype"]]
                )
            else:
                array = np.array(output["data"], DTYPES[output["datatype"]])
            decoded[output["name"]] = array.reshape(output["shape"])
        else:
            size = output["parameters"]["binary_data_size"]
            decoded[output["name"]] = _raw(body[end : end + size], output["datatype"], output["shape"])
            end += size
    return decoded


def grpc(message: bytes) -> Decoded:
    """A ModelInferResponse."""
    response = ModelInferResponse.FromString(message)
    pairs = zip(response.outputs, response.raw_output_contents, strict=True)
    return {output.name: _raw(raw, output.datatype, list(output.shape)) for output, raw in pairs}


def _raw(raw: bytes, datatype: str, shape: list[int]) -> Any:
    if datatype != "BYTES":
        return np.frombuffer(raw, DTYPES[datatype].newbyteorder("<")).reshape(shape)
    values, at = [], 0
    while at < len(raw):
        length = int.from_bytes(raw[at : at + 4], "little")
        values.append(raw[at + 4 : at + 4 + length].decode())
        at += 4 + length
    return np.array(values, object).reshape(shape)


def text_kept(sent: Sent) -> bool:
    """Whether CSV distinguishes the rows' texts from missing values and numbers."""
    return not any(isinstance(value, str) and value == "" for row in sent.rows for value in row)

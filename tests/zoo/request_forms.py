"""Every form and protocol of requests: how rows are encoded, and how the response is decoded."""

import csv
import io
import json
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from modelyard.protocols.grpc.contents import FIELDS
from modelyard.protocols.grpc.messages import ModelInferRequest
from modelyard.tensors import DTYPES, Array
from tests.zoo import responses
from tests.zoo.sent_rows import CannotCarry, Sent, natural, nested, typed
from tests.zoo.served import NAME, Served

SendRequest = Callable[[Served, Sent], Awaitable[responses.Decoded]]
"""Raises CannotCarry before anything is sent, or the request's error."""

PREDICT = f"/models/{NAME}/predict"
INFER = f"/v2/models/{NAME}/infer"
TENSORFLOW = f"/v1/models/{NAME}"
ARROW, NPY, CSV = "application/vnd.apache.arrow.stream", "application/x-npy", "text/csv"


def _json(document: Any) -> bytes:
    return json.dumps(nested_document(document), allow_nan=False).encode()


def nested_document(document: Any) -> Any:
    """The same with arrays as lists and NaN as null."""
    if isinstance(document, dict):
        return {key: nested_document(value) for key, value in document.items()}
    if isinstance(document, list):
        return [nested_document(value) for value in document]
    return nested(document)


async def _predict(
    served: Served, body: bytes, content_type: str = "application/json", query: str = ""
) -> responses.Decoded:
    response = await served.http(PREDICT, body, query, content_type=content_type)
    return responses.predict(served.signature, response.body)


def _rows_only(sent: Sent) -> None:
    if sent.whole:
        raise CannotCarry("the model does not take rows")


async def objects(served: Served, sent: Sent) -> responses.Decoded:
    _rows_only(sent)
    return await _predict(served, _json({"instances": sent.by_cell()}))


async def objects_as_fitted(served: Served, sent: Sent) -> responses.Decoded:
    _rows_only(sent)
    return await _predict(
        served, _json({"instances": sent.as_fitted()}), query="probabilities=true" if _scored(served) else ""
    )


async def records(served: Served, sent: Sent) -> responses.Decoded:
    _rows_only(sent)
    return await _predict(served, _json({"dataframe_records": sent.as_fitted()}))


async def lists(served: Served, sent: Sent) -> responses.Decoded:
    _rows_only(sent)
    rows = [list(row.values()) for row in sent.by_cell()]
    return await _predict(served, _json({"instances": [row[0] if len(row) == 1 else row for row in rows]}))


async def split(served: Served, sent: Sent) -> responses.Decoded:
    _rows_only(sent)
    return await _predict(served, _json({"dataframe_split": _split(sent)}))


def _split(sent: Sent) -> dict[str, Any]:
    rows = sent.as_fitted()
    spread = _spread(rows)
    # Named columns may be in any order.
    rows = [dict(reversed(row.items())) for row in rows] if spread is rows else spread
    return {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}


async def columns(served: Served, sent: Sent) -> responses.Decoded:
    if sent.whole:
        return await tensors(served, sent)
    rows = sent.by_cell()
    by_name = {name: [row[name] for row in rows] for name in rows[0]}
    return await _predict(served, _json({"inputs": by_name}))


async def tensors(served: Served, sent: Sent) -> responses.Decoded:
    arrays = {spec.name: sent.array(spec) for spec in served.signature.inputs}
    return await _predict(served, _json({"inputs": arrays}))


def _csv(sent: Sent) -> bytes:
    _rows_only(sent)
    if not responses.text_kept(sent):
        raise CannotCarry("an empty text is a missing value in CSV")
    rows = sent.as_fitted() if sent.table.form != "texts" and set(sent.cells()) <= set(sent.names) else sent.by_cell()
    spread = _spread(rows)
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    if spread is rows:  # a list has no names
        writer.writerow(rows[0])
    for row in spread:
        if list(row.values()) == [None]:
            raise CannotCarry("an empty line is no row in CSV")
        writer.writerow(["" if value is None else _csv_cell(value) for value in row.values()])
    return file.getvalue().encode()


def _spread(rows: list[dict[Any, Any]]) -> list[dict[Any, Any]]:
    """Rows with a column for each value, if a row is a single list."""
    if not any(isinstance(value, list | np.ndarray) for row in rows for value in row.values()):
        return rows
    if len(rows[0]) > 1 or np.ndim(next(iter(rows[0].values()))) > 1:
        raise CannotCarry("a list beside others does not fit into a table")
    if np.size(next(iter(rows[0].values()))) == 1:
        return [{name: nested(value)[0] for name, value in row.items()} for row in rows]
    return [{f"{index}": value for index, value in enumerate(*row.values())} for row in rows]


def _csv_cell(value: Any) -> str:
    if isinstance(value, float) and not np.isfinite(value):
        raise CannotCarry("CSV has no infinity")
    return str(value)  # True and False as pandas writes them


async def csv_rows(served: Served, sent: Sent) -> responses.Decoded:
    return await _predict(served, _csv(sent), CSV)


async def csv_to_csv(served: Served, sent: Sent) -> responses.Decoded:
    response = await served.http(PREDICT, _csv(sent), content_type=CSV, accept=CSV)
    return responses.table(served.signature, response.body, arrow=False)


async def npy(served: Served, sent: Sent) -> responses.Decoded:
    if len(served.signature.inputs) != 1 or (len(served.signature.outputs) > 1 and not served.signature.label):
        raise CannotCarry("one array is one input and one output")
    array = sent.array(served.signature.inputs[0])
    if array.dtype == object:
        array = array.astype(np.str_)
        if any(value.endswith("\x00") for value in array.ravel()):
            raise CannotCarry("numpy's texts do not end in zeros")
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    response = await served.http(PREDICT, file.getvalue(), content_type=NPY, accept=NPY)
    return responses.npy(served.signature, response.body)


async def arrow(served: Served, sent: Sent) -> responses.Decoded:
    """Columns in the client's own types; categories as dictionaries."""
    _rows_only(sent)
    if any(isinstance(value, list | np.ndarray) for row in sent.rows for value in row):
        raise CannotCarry("lists are sent otherwise")
    arrays = {}
    for place, (name, values) in enumerate(sent.columns.items()):
        column = pa.array(values, _ARROW_TYPES[natural(sent.table, place)])
        arrays[name] = column.dictionary_encode() if sent.table.columns[place].stored == "category" else column
    batch = pa.record_batch(arrays)
    file = io.BytesIO()
    with pa.ipc.new_stream(file, batch.schema) as stream:
        stream.write_batch(batch)
    response = await served.http(PREDICT, file.getvalue(), content_type=ARROW, accept=ARROW)
    return responses.table(served.signature, response.body, arrow=True)


_ARROW_TYPES = {
    **{name: pa.from_numpy_dtype(dtype) for name, dtype in DTYPES.items() if name != "BYTES"},
    "BYTES": pa.string(),
}


async def invocations(served: Served, sent: Sent) -> responses.Decoded:
    _rows_only(sent)
    response = await served.http(f"/models/{NAME}/invocations", _json({"dataframe_split": _split(sent)}))
    return responses.invocations(served.signature, response.body)


async def tensorflow_rows(served: Served, sent: Sent) -> responses.Decoded:
    _rows_only(sent)
    response = await served.http(f"{TENSORFLOW}:predict", _json({"instances": sent.by_cell()}))
    return responses.tensorflow(served.signature, response.body)


async def tensorflow_columns(served: Served, sent: Sent) -> responses.Decoded:
    arrays = {spec.name: sent.array(spec) for spec in served.signature.inputs}
    response = await served.http(f"{TENSORFLOW}:predict", _json({"inputs": arrays}))
    return responses.tensorflow(served.signature, response.body)


async def tensorflow_examples(served: Served, sent: Sent) -> responses.Decoded:
    _rows_only(sent)
    signature = served.signature
    body = _json({"examples": sent.by_cell()})
    if signature.scores and signature.classes:
        return responses.classify(signature, (await served.http(f"{TENSORFLOW}:classify", body)).body)
    if signature.task == "regression" and len(signature.outputs) == 1 and signature.outputs[0].shape[1:] in ((), (1,)):
        return responses.regress(signature, (await served.http(f"{TENSORFLOW}:regress", body)).body)
    raise CannotCarry("it neither classifies nor regresses")


async def infer_json(served: Served, sent: Sent) -> responses.Decoded:
    """Declared datatypes; a missing value is null."""
    inputs = []
    for spec in served.signature.inputs:
        try:
            array = sent.array(spec)
            data = nested(array.ravel())
        except CannotCarry:
            if spec.datatype.startswith("FP") or len(spec.shape) != 1:
                raise
            data = sent.columns[spec.name]  # with null
            present = [value for value in data if value is not None]
            typed(present, spec.datatype)
            array = np.empty(len(data))
        inputs.append({"name": spec.name, "datatype": spec.datatype, "shape": array.shape, "data": data})
    response = await served.http(INFER, _json({"inputs": inputs}))
    return responses.oip(response.body, None)


async def infer_columns(served: Served, sent: Sent) -> responses.Decoded:
    """One tensor of shape [N, 1] per column, in the client's own datatypes, as in KServe's and MLServer's examples."""
    _rows_only(sent)
    if sent.table.form != "frame":
        raise CannotCarry("its columns have no names")
    inputs = []
    for place, (name, values) in enumerate(sent.columns.items()):
        datatype = natural(sent.table, place)
        present = [value for value in values if value is not None]
        typed(present, datatype)
        inputs.append({"name": name, "datatype": datatype, "shape": [len(values), 1], "data": nested(values)})
    response = await served.http(INFER, _json({"inputs": inputs}))
    return responses.oip(response.body, None)


async def infer_binary(served: Served, sent: Sent) -> responses.Decoded:
    """Raw contents after the JSON, in both directions."""
    heads, raw = [], []
    for spec in served.signature.inputs:
        array = sent.array(spec)
        raw.append(_raw(array))
        heads.append({"name": spec.name, "datatype": spec.datatype, "shape": array.shape,
                      "parameters": {"binary_data_size": len(raw[-1])}})  # fmt: skip
    document = _json({"inputs": heads, "parameters": {"binary_data_output": True}})
    body = document + b"".join(raw)
    response = await served.http(INFER, body, inference_header_content_length=str(len(document)))
    lengths = dict(response.headers)
    return responses.oip(response.body, int(lengths[b"inference-header-content-length"]))


async def grpc_raw(served: Served, sent: Sent) -> responses.Decoded:
    arrays = {spec: sent.array(spec) for spec in served.signature.inputs}
    heads = [{"name": spec.name, "datatype": spec.datatype, "shape": array.shape} for spec, array in arrays.items()]
    raw = [_raw(array) for array in arrays.values()]
    message = ModelInferRequest(model_name=NAME, inputs=heads, raw_input_contents=raw)
    return responses.grpc(await served.grpc(message.SerializeToString()))


async def grpc_typed(served: Served, sent: Sent) -> responses.Decoded:
    message = ModelInferRequest(model_name=NAME)
    for spec in served.signature.inputs:
        if spec.datatype not in FIELDS:
            raise CannotCarry(f"{spec.datatype} has no typed contents")
        array = sent.array(spec)
        tensor = message.inputs.add(name=spec.name, datatype=spec.datatype, shape=array.shape)
        values = array.ravel().tolist()
        values = [value.encode() for value in values] if spec.datatype == "BYTES" else values
        getattr(tensor.contents, FIELDS[spec.datatype]).extend(values)
    return responses.grpc(await served.grpc(message.SerializeToString()))


def _raw(array: Array) -> bytes:
    if array.dtype != object:
        return array.astype(array.dtype.newbyteorder("<")).tobytes()
    encoded = [value.encode() for value in array.ravel().tolist()]
    return b"".join(struct.pack("<I", len(each)) + each for each in encoded)


def _scored(served: Served) -> bool:
    return bool(served.signature.scores)


FORMS: Mapping[str, SendRequest] = {
    "instances, objects": objects,
    "instances, every fitted column": objects_as_fitted,
    "instances, lists": lists,
    "dataframe_records": records,
    "dataframe_split": split,
    "inputs by column": columns,
    "inputs": tensors,
    "CSV": csv_rows,
    "CSV to CSV": csv_to_csv,
    "npy": npy,
    "Arrow": arrow,
    "invocations": invocations,
    "TF Serving rows": tensorflow_rows,
    "TF Serving columns": tensorflow_columns,
    "TF Serving examples": tensorflow_examples,
    "OIP JSON": infer_json,
    "OIP, a tensor a column": infer_columns,
    "OIP binary": infer_binary,
    "gRPC raw": grpc_raw,
    "gRPC typed": grpc_typed,
}

"""A BYTES value is a string if it is UTF-8, else bytes, in every format and independent of other values."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.protocols.grpc.codec import GrpcInferCodec
from modelyard.protocols.grpc.messages import ModelInferRequest
from modelyard.protocols.oip.codec import InferCodec
from modelyard.protocols.oip.tensors import to_raw
from modelyard.protocols.predict.codec import InvocationsCodec, PredictCodec
from modelyard.protocols.tensorflow.codec import TensorflowCodec
from modelyard.tensors import Array
from tests.unit.protocols.arrow.streams import ARROW, stream
from tests.unit.protocols.samples import TEXT

VALUES = st.lists(st.one_of(st.binary(max_size=6), st.text(max_size=6).map(str.encode)), min_size=1, max_size=5)


def base64(values: Sequence[bytes]) -> list[dict[str, str]]:
    return [{"b64": b64encode(value).decode()} for value in values]


def tensor(values: Sequence[bytes], **more: Any) -> dict[str, Any]:
    return {"name": "text", "datatype": "BYTES", "shape": [len(values)], **more}


def raw(values: Sequence[bytes]) -> bytes:
    return to_raw(np.array([*values, None], object)[:-1])


def predict(values: Sequence[bytes]) -> Any:
    body = orjson.dumps({"instances": base64(values)})
    return PredictCodec("m", 1, TEXT).decode(body, b"application/json").request


def columns(values: Sequence[bytes]) -> Any:
    body = orjson.dumps({"inputs": {"text": base64(values)}})
    return PredictCodec("m", 1, TEXT).decode(body, b"application/json").request


def invocations(values: Sequence[bytes]) -> Any:
    body = orjson.dumps({"instances": base64(values)})
    return InvocationsCodec("m", 1, TEXT).decode(body, b"application/json").request


def tensorflow(values: Sequence[bytes]) -> Any:
    return TensorflowCodec(TEXT).predict(orjson.dumps({"instances": base64(values)})).request


def infer(values: Sequence[bytes]) -> Any:
    body = orjson.dumps({"inputs": [tensor(values, data=base64(values))]})
    return InferCodec("m", 1, TEXT).decode(body).request


def infer_raw(values: Sequence[bytes]) -> Any:
    contents = raw(values)
    document = orjson.dumps({"inputs": [tensor(values, parameters={"binary_data_size": len(contents)})]})
    return InferCodec("m", 1, TEXT).decode(document + contents, b"%d" % len(document)).request


def grpc_raw(values: Sequence[bytes]) -> Any:
    message = ModelInferRequest(model_name="m", inputs=[tensor(values)], raw_input_contents=[raw(values)])
    return GrpcInferCodec("m", 1, TEXT).decode(message).request


def grpc_typed(values: Sequence[bytes]) -> Any:
    message = ModelInferRequest(model_name="m", inputs=[tensor(values, contents={"bytes_contents": list(values)})])
    return GrpcInferCodec("m", 1, TEXT).decode(message).request


def arrow(values: Sequence[bytes]) -> Any:
    body = stream({"text": pa.array(values, pa.binary())})
    return PredictCodec("m", 1, TEXT).decode(body, ARROW).request


def arrow_dictionary(values: Sequence[bytes]) -> Any:
    body = stream({"text": pa.array(values, pa.binary()).dictionary_encode()})
    return PredictCodec("m", 1, TEXT).decode(body, ARROW).request


def expected(values: Sequence[bytes]) -> list[str | bytes]:
    return [value.decode() if is_utf_8(value) else value for value in values]


def is_utf_8(value: bytes) -> bool:
    return value.decode(errors="replace").encode() == value


@pytest.mark.parametrize(
    "form",
    [
        predict,
        columns,
        invocations,
        tensorflow,
        infer,
        infer_raw,
        grpc_raw,
        grpc_typed,
        arrow,
        arrow_dictionary,
    ],
    ids=lambda form: form.__name__,
)
@given(values=VALUES)
def test_a_value_is_text_where_it_is_utf_8_in_every_form(form: Callable[[Sequence[bytes]], Any], values) -> None:
    array: Array = form(values).inputs["text"]
    assert array.tolist() == expected(values)

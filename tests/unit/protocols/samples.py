"""Signatures that the tests of the codecs share, and helpers that call them."""

from typing import Any

import numpy as np
import orjson

from modelyard.protocols.predict.codec import PredictCodec
from modelyard.tensors import FREE, Array, Signature, Tensors, TensorSpec

FEATURES = ("sepal_length", "sepal_width", "petal_length", "petal_width")
SPECIES = ("setosa", "versicolor", "virginica")
VALUE = TensorSpec("y", "FP64", (FREE,))

IRIS = Signature(
    inputs=(TensorSpec("X", "FP32", (FREE, 4), FEATURES),),
    outputs=(TensorSpec("label", "BYTES", (FREE,)), TensorSpec("scores", "FP32", (FREE, 3))),
    task="classification",
    classes=SPECIES,
    label="label",
    scores="scores",
)
TEXT = Signature(
    inputs=(TensorSpec("text", "BYTES", (FREE,)),),
    outputs=(TensorSpec("label", "BYTES", (FREE,)), TensorSpec("scores", "FP64", (FREE, 2))),
    task="classification",
    classes=("delivery", "refund"),
    label="label",
    scores="scores",
)
MIXED = Signature(
    inputs=(
        TensorSpec("numbers", "FP64", (FREE, 2), ("age", "income")),
        TensorSpec("city", "BYTES", (FREE, 1)),
        TensorSpec("member", "BOOL", (FREE,)),
        TensorSpec("visits", "INT8", (FREE,), optional=True),
    ),
    outputs=(VALUE,),
    task="regression",
)
IMAGE = Signature(
    inputs=(TensorSpec("image", "FP32", (FREE, 2, 2, 1)),),
    outputs=(TensorSpec("embedding", "FP32", (FREE, 2)), TensorSpec("mean", "FP32", (FREE,))),
)
NAMELESS = Signature(inputs=(TensorSpec("x", "FP32", (FREE, 2)),), outputs=(VALUE,), task="regression")
FIXED = Signature(
    inputs=(TensorSpec("x", "FP32", (2, 3)),), outputs=(TensorSpec("y", "FP32", (2,)), TensorSpec("z", "FP32", (2,)))
)
WHOLE = Signature(
    inputs=(TensorSpec("matrix", "FP32", (FREE, 2)), TensorSpec("scale", "FP32", ())),
    outputs=(TensorSpec("norm", "FP32", ()),),
)


def one(datatype: str, shape: tuple[int, ...] = (FREE,)) -> Signature:
    """A model with one input `x`, and one number per row."""
    return Signature(inputs=(TensorSpec("x", datatype, shape),), outputs=(VALUE,), task="regression")


def decoded(signature: Signature, document: Any, **settings: Any) -> Tensors:
    """The tensors of a JSON body, which is bytes or a document."""
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    return PredictCodec("m", 1, signature, **settings).decode(body, b"application/json").request.inputs


def decoded_csv(signature: Signature, text: str | bytes, parameter: str = "") -> Tensors:
    """The tensors of a CSV body; `parameter` is a parameter of its content type."""
    body = text if isinstance(text, bytes) else text.encode()
    content_type = f"text/csv; {parameter}" if parameter else "text/csv"
    return PredictCodec("m", 1, signature).decode(body, content_type.encode()).request.inputs


def response_of(signature: Signature, document: Any, outputs: Tensors) -> Any:
    """The response to a JSON body if the model returns these outputs."""
    codec = PredictCodec("m", 1, signature)
    return orjson.loads(codec.encode(codec.decode(orjson.dumps(document), b""), outputs))


def texts(*values: Any) -> Array:
    """An array of strings or bytes."""
    return np.array(values, object)


def same(found: Tensors, expected: Tensors) -> bool:
    """Whether both hold equal arrays of equal dtypes by equal names; NaN equals itself here."""
    return found.keys() == expected.keys() and all(equal(found[name], expected[name]) for name in found)


def equal(found: Array, expected: Array) -> bool:
    """Whether dtype, shape and values are the same."""
    if (found.dtype, found.shape) != (expected.dtype, expected.shape):
        return False
    if found.dtype.kind == "f":
        return bool(np.array_equal(found, expected, equal_nan=True))
    return found.tolist() == expected.tolist()

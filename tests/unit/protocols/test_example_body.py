"""Example bodies are readable, and valid for their model."""

import numpy as np
import pytest

from modelyard.protocols.predict.example import example_body
from modelyard.tensors import FREE, Signature, Tensors, TensorSpec
from tests.unit.protocols.samples import IMAGE, IRIS, MIXED, NAMELESS, TEXT, VALUE, WHOLE, decoded, one, same, texts

AGE = Signature(inputs=(TensorSpec("X", "FP32", (FREE, 1), ("age",)),), outputs=(VALUE,))


@pytest.mark.parametrize(
    ("signature", "example", "body"),
    [
        (
            IRIS,
            {"X": np.array([[5.1, 3.5, 1.4, 0.2]], np.float32)},
            '{"instances": [{"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}]}',
        ),
        (
            MIXED,
            {
                "numbers": np.array([[30, 1000.5], [40, np.nan]]),
                "city": np.array([["Oslo"], ["Köln"]], object),
                "member": np.array([True, False]),
            },
            '{"instances": [{"age": 30.0, "income": 1000.5, "city": "Oslo", "member": true}, '
            '{"age": 40.0, "income": null, "city": "Köln", "member": false}]}',
        ),
        (TEXT, {"text": texts("where is it?", b"\xff")}, '{"instances": ["where is it?", {"b64": "/w=="}]}'),
        (NAMELESS, {"x": np.array([[1, 2]], np.float32)}, '{"instances": [[1.0, 2.0]]}'),
        (AGE, {"X": np.array([[30], [40]], np.float32)}, '{"instances": [{"age": 30.0}, {"age": 40.0}]}'),
        (one("INT64", (FREE, 1)), {"x": np.array([[1], [2]])}, '{"instances": [1, 2]}'),
        (IMAGE, {"image": np.ones((1, 2, 2, 1), np.float32)}, '{"instances": [[[[1.0], [1.0]], [[1.0], [1.0]]]]}'),
        (
            WHOLE,
            {"matrix": np.ones((1, 2), np.float32), "scale": np.array(0.1, np.float32)},
            '{"inputs": {"matrix": [[1.0, 1.0]], "scale": 0.1}}',
        ),
    ],
)
def test_the_example_is_one_readable_line_that_decodes_to_its_tensors(
    signature: Signature, example: Tensors, body: str
) -> None:
    assert example_body(signature, example).decode() == body
    assert same(decoded(signature, body.encode()), example)

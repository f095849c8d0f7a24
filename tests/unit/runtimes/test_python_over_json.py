"""Requests to an operator's class and their responses: load, example, codec and predict together."""

import json
import textwrap
from typing import Any

import numpy as np
import pytest

from modelyard.config.model_spec import Batching, ModelSpec
from modelyard.inference.batch import RowsError, outputs_of
from modelyard.inference.warmup import WarmupFailed, warm
from modelyard.protocols.predict.codec import PredictCodec
from modelyard.protocols.predict.example import example_body
from modelyard.runtimes.base import GeneratingModel, LoadError
from modelyard.runtimes.python import model as python
from modelyard.runtimes.python.model import PythonModel


def model_of(inputs: str, outputs: str, body: str, more: str = "") -> PythonModel:
    """A class with these tensors; `inputs` and `outputs` are `name datatype shape` each, `body` is what predict() returns."""
    source = f"""
import numpy as np

class Model:
    signature = {{"inputs": {_tensors(inputs)}, "outputs": {_tensors(outputs)}}}

    def predict(self, inputs):
        return {body}

{textwrap.indent(textwrap.dedent(more), "    ")}
"""
    spec = ModelSpec(name="m", runtime="python:model:Model", trusted=True)
    return python.load({"model.py": source.encode()}, spec, cpus=1)


def _tensors(text: str) -> list[dict[str, Any]]:
    found = []
    for each in text.split("; "):
        name, datatype, shape, *rest = each.split(" ", 3)
        found.append({"name": name, "datatype": datatype, "shape": json.loads(shape), "optional": bool(rest)})
    return found


def sent(model: PythonModel, body: object = None) -> dict[str, Any]:
    """The response to this body, or to the example in the catalogue."""
    codec = PredictCodec("m", 1, model.signature)
    text = example_body(model.signature, model.example) if body is None else json.dumps(body).encode()
    call = codec.decode(text, b"application/json")
    response: dict[str, Any] = json.loads(codec.encode(call, model.predict(call.request.inputs, call.request.outputs)))
    return response


@pytest.mark.parametrize(
    ("inputs", "outputs", "body"),
    [
        ("x FP32 []", "y FP32 []", "{'y': inputs['x'] * 2}"),
        ("x FP32 [-1]", "y FP64 []", "{'y': inputs['x'].sum()}"),
        ("x INT64 [2,3]", "y INT64 [2,3]", "{'y': inputs['x']}"),
        ("x FP32 [-1,4,4]", "y FP32 [-1,4,4]", "{'y': inputs['x']}"),
        ("x BOOL [-1]", "y UINT8 [-1]", "{'y': inputs['x']}"),
        ("x BYTES [-1]", "y BYTES []", "{'y': ' '.join(inputs['x'])}"),
        ("x BYTES [-1]; k INT32 [] optional", "y BYTES [-1]", "{'y': inputs['x']}"),
        ("x FP64 [-1]; k FP64 [-1] optional", "y FP64 [-1]", "{'y': inputs['x'] + inputs.get('k', 1)}"),
        ("a FP64 [-1]; b BYTES [-1]", "y FP64 [-1]; z BYTES [-1]", "{'y': inputs['a'], 'z': inputs['b']}"),
    ],
)
def test_the_example_of_any_signature_goes_through_codec_and_warm_up(inputs: str, outputs: str, body: str) -> None:
    model = model_of(inputs, outputs, body)
    assert sent(model).keys() & {"predictions", "outputs"}
    codec = PredictCodec("m", 1, model.signature)
    call = codec.decode(example_body(model.signature, model.example), b"application/json")
    assert warm(model, [call.request], batching=Batching(max_size=4)).batchable is model.signature.rowwise


def test_predict_gets_an_optional_input_only_if_the_request_has_it() -> None:
    model = model_of("x FP64 [-1]; k FP64 [-1] optional", "y FP64 [-1]", "{'y': inputs['x'] + inputs.get('k', 1)}")
    assert sent(model, {"instances": [{"x": 1}, {"x": 2}]})["predictions"] == [2, 3]
    assert sent(model, {"instances": [{"x": 1, "k": 5}, {"x": 2, "k": 6}]})["predictions"] == [6, 8]


def test_numbers_that_are_not_numpy_arrays_are_returned_too() -> None:
    assert sent(model_of("x INT64 [-1]", "y FP32 [-1]", "{'y': [0.5] * len(inputs['x'])}"))["predictions"] == [
        0.5,
        0.5,
    ]


def test_independent_lengths_are_not_rows_if_the_signature_declares_that() -> None:
    more = "signature |= {'rows': False}"
    model = model_of("x FP64 [-1]; k INT64 [-1]", "y FP64 [-1]", "{'y': inputs['x'][inputs['k']]}", more=more)
    assert sent(model, {"inputs": {"x": [1, 2, 3], "k": [2]}})["outputs"] == {"y": [3]}
    with pytest.raises(LoadError, match=r"^signature\['rows'\] must be True or False, not 1"):
        model_of("x FP64 [-1]", "y FP64 [-1]", "inputs", more="signature |= {'rows': 1}")


GENERATE = """
def generate(self, inputs):
    try:
        for number in (1, 2):
            yield {GIVEN}
    finally:
        self.closed = True
"""


def test_a_class_that_generates_streams_its_parts_and_is_closed_early_if_the_client_leaves() -> None:
    model = model_of("x FP64 [-1]", "y FP64 [-1]", "inputs", GENERATE.replace("GIVEN", "'y': inputs['x'] * number"))
    assert isinstance(model, GeneratingModel)
    steps = model.generate({"x": np.array([3.0])}, ["y"])
    assert next(steps)["y"].tolist() == [3.0]
    steps.close()  # type: ignore[attr-defined] # it is a generator, which the protocol does not promise
    assert model._generate.__self__.closed


def test_a_class_without_generate_is_not_a_generating_model() -> None:
    assert not isinstance(model_of("x FP64 [-1]", "y FP64 [-1]", "{'y': inputs['x']}"), GeneratingModel)


def test_a_part_that_breaks_the_signature_fails_the_warm_up() -> None:
    model = model_of("x FP64 [-1]", "y FP64 [-1]", "{'y': inputs['x']}", GENERATE.replace("GIVEN", "'y': ['a']"))
    call = PredictCodec("m", 1, model.signature).decode(b'{"instances": [1]}', b"application/json")
    with pytest.raises(WarmupFailed, match="output 'y' does not match its signature"):
        warm(model, [call.request], batching=Batching())


def test_rows_that_are_too_many_fail_the_call_and_not_the_load() -> None:
    model = model_of("x FP64 [-1]", "y FP64 [-1]", "{'y': [1.0, 2.0, 3.0]}")
    call = PredictCodec("m", 1, model.signature).decode(b'{"instances": [1, 2]}', b"application/json")
    with pytest.raises(RowsError, match=r"output 'y' has shape \(3,\) for 2 rows"):
        outputs_of(model, True, [call.request], 2)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{'y': inputs['x'] + missing}", "failed at model.py:8: NameError: name 'missing' is not defined"),
        ("{'z': 1}", "failed: ValueError: output 'y' is missing"),
        ("{'y': ['a']}", "failed: ValueError: output 'y' does not match its signature: it is <U1"),
        ("{'y': 1.0}", "failed: ValueError: output 'y' does not match .* its shape is .., not .-1."),
        ("[1]", "failed: TypeError: predict.. must return a dict of arrays by output, not list"),
    ],
)
def test_a_model_that_fails_on_its_own_example_is_not_loaded(body: str, message: str) -> None:
    with pytest.raises(LoadError, match=f"^predict.. on `example` {message}"):
        model_of("x FP64 [-1]", "y FP64 [-1]", body, more="example = {'x': [1.0]}")


def test_a_model_that_fails_on_a_synthetic_example_is_loaded() -> None:
    model = model_of("x FP64 [-1]", "y FP64 [-1]", "{'y': [[1, 2].index(value) for value in inputs['x']]}")
    assert sent(model, {"instances": [1, 2]})["predictions"] == [0, 1]


def test_a_load_without_memory_is_reported_with_a_remedy() -> None:
    load = """
    def load(self, directory, options, cpus):
        raise MemoryError
    """
    with pytest.raises(LoadError, match=r"^Model.load\(\) failed at model.py:12: out of memory \(resources.memory is"):
        model_of("x FP64 [-1]", "y FP64 [-1]", "inputs", more=load)

"""At load a version is asked and answered in every form, so that no client is the first to meet what cannot be written."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard.config.model_spec import ModelSpec
from modelyard.errors import InvalidRequest, NotAcceptable, NotSupported, UnsupportedMediaType
from modelyard.inference.warmup import WarmupFailed
from modelyard.protocols.codecs import codecs_of
from modelyard.replica.round_trips import RoundTrip, RoundTrips
from modelyard.replica.model_self_test import UNSUPPORTED_ERRORS, check, self_test
from modelyard.runtimes.onnx import model as onnx
from modelyard.tensors import DTYPES, FREE, Array, InferRequest, Signature, Tensors, TensorSpec
from tests.fakes import PATIENCE_S, FakeModel
from tests.unit.replica.loaded_version import loading
from tests.unit.runtimes.python_models import source

JSON = b"application/json"


class Decoded:
    request = InferRequest({}, 1, ("y",))


def form(read: Any = Decoded, write: Any = lambda call, outputs: b"") -> RoundTrip:
    return RoundTrip("smoke signals", read, write)


def raising(error: Exception) -> Any:
    def fails(*_: object) -> object:
        raise error

    return fails


@pytest.mark.parametrize("error", [InvalidRequest, NotAcceptable, NotSupported, UnsupportedMediaType])
def test_a_form_that_a_model_does_not_fit_into_is_no_fault(error: type[Exception]) -> None:
    tried: list[object] = []
    last = form(write=lambda call, outputs: tried.append(outputs))
    check([form(read=raising(error("no"))), form(write=raising(error("no"))), last], {"y": np.ones(1), "z": np.ones(1)})
    assert [list(each) for each in tried] == [["y"]], "only what the request wants"  # type: ignore[call-overload]


@pytest.mark.parametrize("part", ["read", "write"])
@pytest.mark.parametrize("error", [TypeError("not serializable"), KeyError("y"), ValueError("no"), MemoryError()])
def test_any_other_error_fails_the_load_and_names_the_form(part: str, error: Exception) -> None:
    with pytest.raises(WarmupFailed, match=rf"in one of its forms \(smoke signals\): {type(error).__name__}"):
        check([form(**{part: raising(error)})], {"y": np.ones(1)})


# Models in all their forms

CLASSIFIER = Signature(
    (TensorSpec("x", "FP32", (FREE, 2), columns=("a", "b")),),
    (TensorSpec("label", "BYTES", (FREE,)), TensorSpec("scores", "FP32", (FREE, 2))),
    "classification",
    ("no", "yes"),
    "label",
    "scores",
)
ANSWERS: Tensors = {
    "label": np.array(["no", "yes", "no"], object),
    "scores": np.array([[1, 0], [0.5, 0.5], [1, 0]], np.float32),
}


def refused(signature: Signature, inputs: Tensors, outputs: Tensors) -> dict[str, str]:
    """The forms that a model does not fit into, and why; everything else must work."""
    found = {}
    for each in RoundTrips(codecs_of("m", 1, signature), signature, inputs, arrow=True):
        try:
            call = each.read()
            each.write(call, {name: outputs[name] for name in call.request.outputs})
        except UNSUPPORTED_ERRORS as error:
            found[each.name] = str(error)
    return found


def test_a_classifier_goes_through_every_form_that_takes_scores() -> None:
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    assert refused(CLASSIFIER, {"x": x}, ANSWERS).keys() == {
        "TensorFlow Serving's regress",
        "infer, classes of 'label'",
    }


def test_a_regression_goes_through_every_form_without_classes() -> None:
    signature = Signature(
        tuple(TensorSpec(name, "FP64", (FREE,)) for name in "ab"), (TensorSpec("y", "FP64", (FREE,)),), "regression"
    )
    x = np.arange(3.0)
    names = refused(signature, {"a": x, "b": x}, {"y": x}).keys()
    assert {name for name in names if "probabilities" not in name} == {
        "predict, npy to JSON",  # two inputs
        "TensorFlow Serving's classify",
    }


@pytest.mark.parametrize("rows", [True, False])
@pytest.mark.parametrize("axes", [(FREE,), (FREE, 3), (FREE, FREE), (FREE, 2, 2), (1, 3), (3,), ()], ids=str)
@pytest.mark.parametrize("datatype", DTYPES)
def test_whatever_fits_a_signature_fails_in_no_form(datatype: str, axes: tuple[int, ...], rows: bool) -> None:
    """Whether it fits or not, the error is a documented one."""
    shape = tuple(3 if axis == FREE else axis for axis in axes)
    values = np.arange(int(np.prod(shape))).reshape(shape) % 2
    array = np.array(["a", 'é, "\n'], object)[values] if datatype == "BYTES" else values.astype(DTYPES[datatype])
    array = np.asarray(array, DTYPES[datatype])
    signature = Signature(
        (TensorSpec("x", datatype, axes),),
        (TensorSpec("y", datatype, axes), TensorSpec("z", datatype, axes)),
        rows=rows,
    )
    not_fit = refused(signature, {"x": array}, {"y": array, "z": array})
    assert not not_fit.keys() & {"infer, JSON", "infer, binary", "ModelInfer, raw", "invocations"}


@pytest.mark.parametrize(
    "missing", [np.array(["a", None], object), np.array([3, None], object)], ids=["text", "number"]
)
def test_an_example_with_missing_values_fails_in_no_form(missing: Array) -> None:
    datatype = "BYTES" if isinstance(missing[0], str) else "INT64"
    signature = Signature(
        (TensorSpec("x", datatype, (FREE,), missing=True), TensorSpec("w", "FP64", (FREE,))),
        (TensorSpec("y", "FP64", (FREE,)),),
    )
    refused(signature, {"x": missing, "w": np.array([1, np.nan])}, {"y": np.ones(2)})


def test_an_optional_input_may_be_left_out_of_the_example() -> None:
    signature = Signature(
        (TensorSpec("x", "FP32", (FREE,)), TensorSpec("z", "FP32", (FREE,), optional=True)),
        (TensorSpec("y", "FP32", (FREE,)),),
    )
    x = np.ones(2, np.float32)
    assert "predict, npy to JSON" not in refused(signature, {"x": x}, {"y": x})


# The whole of a load


def self_tested(model: FakeModel, body: bytes, synthesised: bool = False) -> None:
    codecs = codecs_of("m", 1, model.signature)
    self_test(model, codecs, codecs.predict.decode(body, JSON), synthesised=synthesised)


def test_a_model_whose_answer_cannot_be_written_takes_no_traffic() -> None:
    model = FakeModel(lambda inputs: {"y": inputs["x"] * 1j})
    with pytest.raises(WarmupFailed, match=r"in one of its forms \(predict, the example\): "):
        self_tested(model, b'{"instances": [1, 2]}')


def test_a_form_of_the_operators_example_is_tried_whole() -> None:
    model = FakeModel(
        lambda inputs: {"y": np.where(inputs["x"] == 3, 1j, 1) if (inputs["x"] == 3).any() else inputs["x"]}
    )
    self_tested(model, b'{"instances": [1, 2]}')
    with pytest.raises(WarmupFailed):
        self_tested(model, b'{"instances": [1, 2, 3]}')


def test_a_model_that_refuses_a_made_up_example_has_nothing_to_write() -> None:
    model = FakeModel(raising(ValueError("no")))
    self_tested(model, b'{"instances": [1, 2]}', synthesised=True)
    with pytest.raises(WarmupFailed, match="the model failed on its example: ValueError: no"):
        self_tested(model, b'{"instances": [1, 2]}')


def test_the_model_is_called_once_however_many_forms_there_are() -> None:
    model = FakeModel()
    self_tested(model, b'{"instances": [1, 2, 3, 4]}')
    assert model.batches == [4]


def test_a_version_is_tested_when_it_loads(tmp_path: Path) -> None:
    text = source(
        """
        def predict(self, inputs):
            return {"y": np.array(["a\\ud800"] * len(inputs["x"]), object)}
    """,
        gives="BYTES",
    )
    files = {"model.py": text.encode(), "example.json": b'{"instances": [1, 2]}'}
    error = loading(tmp_path, files).exception(PATIENCE_S)
    assert type(error) is WarmupFailed, "half a surrogate pair is no text that UTF-8 could hold"
    assert "predict, the example" in str(error)


def test_a_real_clustering_with_whole_numbers_of_another_kind_answers_or_is_refused() -> None:
    """What onnxruntime gives for INT64 is numpy's long long, which is another type than int64 though of the same width."""
    skl2onnx = pytest.importorskip("skl2onnx")
    from sklearn.cluster import KMeans

    x = np.random.default_rng(0).random((20, 2)).astype(np.float32)
    converted = skl2onnx.to_onnx(KMeans(3, random_state=0).fit(x), x[:1])
    model = onnx.load({"model.onnx": converted.SerializeToString()}, ModelSpec(name="m"), cpus=1)
    codecs = codecs_of("m", 1, model.signature)
    call = codecs.predict.decode(b'{"instances": [[0.1, 0.2], [0.3, 0.4]]}', JSON)
    try:
        self_test(model, codecs, call, synthesised=False)
    except WarmupFailed as refusal:
        assert "predict, the example" in str(refusal)
    else:
        codecs.predict.encode(call, model.predict(call.request.inputs, call.request.outputs))

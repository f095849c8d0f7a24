"""The self-test at load: every format is decoded and encoded with the example."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard.config.model_spec import ModelSpec
from modelyard.errors import InvalidRequest, NotAcceptable, NotSupported, UnsupportedMediaType
from modelyard.inference.warmup import WarmupFailed
from modelyard.protocols.codecs import codecs_of
from modelyard.replica.model_self_test import UNSUPPORTED_ERRORS, check, self_test
from modelyard.replica.round_trips import RoundTrip, RoundTrips
from modelyard.runtimes.onnx import model as onnx
from modelyard.tensors import DTYPES, FREE, Array, InferRequest, Signature, Tensors, TensorSpec
from tests.fakes import PATIENCE_S, FakeModel
from tests.unit.replica.loaded_version import loading
from tests.unit.runtimes.python_models import source

JSON = b"application/json"


class Decoded:
    request = InferRequest({}, 1, ("y",))


def round_trip(decode: Any = Decoded, encode: Any = lambda decoded, outputs: b"") -> RoundTrip:
    return RoundTrip("smoke signals", decode, encode)


def raising(error: Exception) -> Any:
    def fails(*_: object) -> object:
        raise error

    return fails


@pytest.mark.parametrize("error", [InvalidRequest, NotAcceptable, NotSupported, UnsupportedMediaType])
def test_a_format_that_a_model_does_not_support_is_no_failure(error: type[Exception]) -> None:
    tried: list[object] = []
    last = round_trip(encode=lambda decoded, outputs: tried.append(outputs))
    check(
        [round_trip(decode=raising(error("no"))), round_trip(encode=raising(error("no"))), last],
        {"y": np.ones(1), "z": np.ones(1)},
    )
    assert [list(each) for each in tried] == [["y"]], "only what the request requests"  # type: ignore[call-overload]


@pytest.mark.parametrize("part", ["decode", "encode"])
@pytest.mark.parametrize("error", [TypeError("not serializable"), KeyError("y"), ValueError("no"), MemoryError()])
def test_any_other_error_fails_the_load_and_names_the_round_trip(part: str, error: Exception) -> None:
    with pytest.raises(WarmupFailed, match=rf"example failed \(smoke signals\): {type(error).__name__}"):
        check([round_trip(**{part: raising(error)})], {"y": np.ones(1)})


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


def unsupported(signature: Signature, inputs: Tensors, outputs: Tensors) -> dict[str, str]:
    """The round trips that the model does not support, and why; all others must work."""
    found = {}
    for each in RoundTrips(codecs_of("m", 1, signature), signature, inputs, arrow=True):
        try:
            decoded = each.decode()
            each.encode(decoded, {name: outputs[name] for name in decoded.request.outputs})
        except UNSUPPORTED_ERRORS as error:
            found[each.name] = str(error)
    return found


def test_a_classifier_supports_every_format_that_has_scores() -> None:
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    assert unsupported(CLASSIFIER, {"x": x}, ANSWERS).keys() == {
        "TensorFlow Serving's regress",
        "infer, classes of 'label'",
    }


def test_a_regression_supports_every_format_without_classes() -> None:
    signature = Signature(
        tuple(TensorSpec(name, "FP64", (FREE,)) for name in "ab"), (TensorSpec("y", "FP64", (FREE,)),), "regression"
    )
    x = np.arange(3.0)
    names = unsupported(signature, {"a": x, "b": x}, {"y": x}).keys()
    assert {name for name in names if "probabilities" not in name} == {
        "predict, npy to JSON",  # two inputs
        "TensorFlow Serving's classify",
    }


@pytest.mark.parametrize("rows", [True, False])
@pytest.mark.parametrize("axes", [(FREE,), (FREE, 3), (FREE, FREE), (FREE, 2, 2), (1, 3), (3,), ()], ids=str)
@pytest.mark.parametrize("datatype", DTYPES)
def test_tensors_that_match_a_signature_never_cause_an_undocumented_error(
    datatype: str, axes: tuple[int, ...], rows: bool
) -> None:
    """Tensors that a format does not support cause a documented error."""
    shape = tuple(3 if axis == FREE else axis for axis in axes)
    values = np.arange(int(np.prod(shape))).reshape(shape) % 2
    array = np.array(["a", 'é, "\n'], object)[values] if datatype == "BYTES" else values.astype(DTYPES[datatype])
    array = np.asarray(array, DTYPES[datatype])
    signature = Signature(
        (TensorSpec("x", datatype, axes),),
        (TensorSpec("y", datatype, axes), TensorSpec("z", datatype, axes)),
        rows=rows,
    )
    not_fit = unsupported(signature, {"x": array}, {"y": array, "z": array})
    assert not not_fit.keys() & {"infer, JSON", "infer, binary", "ModelInfer, raw", "invocations"}


@pytest.mark.parametrize(
    "missing", [np.array(["a", None], object), np.array([3, None], object)], ids=["text", "number"]
)
def test_an_example_with_missing_values_causes_no_undocumented_error(missing: Array) -> None:
    datatype = "BYTES" if isinstance(missing[0], str) else "INT64"
    signature = Signature(
        (TensorSpec("x", datatype, (FREE,), missing=True), TensorSpec("w", "FP64", (FREE,))),
        (TensorSpec("y", "FP64", (FREE,)),),
    )
    unsupported(signature, {"x": missing, "w": np.array([1, np.nan])}, {"y": np.ones(2)})


def test_an_optional_input_may_be_left_out_of_the_example() -> None:
    signature = Signature(
        (TensorSpec("x", "FP32", (FREE,)), TensorSpec("z", "FP32", (FREE,), optional=True)),
        (TensorSpec("y", "FP32", (FREE,)),),
    )
    x = np.ones(2, np.float32)
    assert "predict, npy to JSON" not in unsupported(signature, {"x": x}, {"y": x})


# A complete load


def self_tested(model: FakeModel, body: bytes, synthesised: bool = False) -> None:
    codecs = codecs_of("m", 1, model.signature)
    self_test(model, codecs, codecs.predict.decode(body, JSON), synthesised=synthesised)


def test_a_model_whose_outputs_cannot_be_encoded_is_not_served() -> None:
    model = FakeModel(lambda inputs: {"y": inputs["x"] * 1j})
    with pytest.raises(WarmupFailed, match=r"example failed \(predict, the example\): "):
        self_tested(model, b'{"instances": [1, 2]}')


def test_the_operators_example_is_tested_in_full() -> None:
    model = FakeModel(
        lambda inputs: {"y": np.where(inputs["x"] == 3, 1j, 1) if (inputs["x"] == 3).any() else inputs["x"]}
    )
    self_tested(model, b'{"instances": [1, 2]}')
    with pytest.raises(WarmupFailed):
        self_tested(model, b'{"instances": [1, 2, 3]}')


def test_a_model_that_fails_on_a_synthesised_example_is_not_tested() -> None:
    model = FakeModel(raising(ValueError("no")))
    self_tested(model, b'{"instances": [1, 2]}', synthesised=True)
    with pytest.raises(WarmupFailed, match="the model failed on its example: ValueError: no"):
        self_tested(model, b'{"instances": [1, 2]}')


def test_the_model_is_called_once_for_all_round_trips() -> None:
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
    assert type(error) is WarmupFailed, "UTF-8 cannot encode half a surrogate pair"
    assert "predict, the example" in str(error)


def test_a_real_clustering_model_with_another_integer_type_succeeds_or_is_rejected() -> None:
    """onnxruntime returns numpy's long long for INT64, which is another type than int64 of the same width."""
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

"""The examples in the documentation of KServe and MLServer are answered as they say, over HTTP and gRPC, by the models they fit.

Sources: https://kserve.github.io/website/docs/model-serving/predictive-inference/frameworks (sklearn, mlflow, autogluon) and
https://github.com/SeldonIO/MLServer/blob/master/docs/examples/sklearn/README.md, .../user-guide/content-type.md
"""

from typing import Any

import numpy as np
import orjson
import pytest
from sklearn import datasets, svm
from sklearn.model_selection import train_test_split

from modelyard.tensors import FREE, Signature, Tensors, TensorSpec
from tests.contract.conftest import Make
from tests.contract.grpc_call import call, framed
from tests.contract.oip import infer
from tests.fakes import FakeModel

LABEL = TensorSpec("label", "INT64", (FREE,))
FEATURES = ("sepal_length", "sepal_width", "petal_length", "petal_width")
IRIS = Signature((TensorSpec("x", "FP64", (FREE, 4), FEATURES),), (LABEL,))
DIGITS = Signature((TensorSpec("x", "FP64", (FREE, 64)),), (LABEL,))
FLOWERS = [[6.8, 2.8, 4.8, 1.4], [6.0, 3.4, 4.5, 1.6]]
KSERVE = {"inputs": [{"name": "input-0", "shape": [2, 4], "datatype": "FP32", "data": FLOWERS}]}
KSERVE_GRPC = {
    "inputs": [
        {
            "name": "input-0",
            "shape": [2, 4],
            "datatype": "FP32",
            "contents": {"fp32_contents": [6.8, 2.8, 4.8, 1.4, 6.0, 3.4, 4.5, 1.6]},
        }
    ]
}
WINE = {
    "fixed acidity": 7.4,
    "volatile acidity": 0.7000,
    "citric acid": 0,
    "residual sugar": 1.9,
    "chlorides": 0.076,
    "free sulfur dioxide": 11,
    "total sulfur dioxide": 34,
    "density": 0.9978,
    "pH": 3.51,
    "sulphates": 0.56,
    "alcohol": 9.4,
}


def served(estimator: Any, signature: Signature) -> FakeModel:
    """The estimator on its one input."""
    return FakeModel(
        lambda inputs: {"label": estimator.predict(inputs["x"])},
        signature=signature,
        example={"x": np.zeros((2, signature.inputs[0].shape[1]))},
    )


@pytest.fixture(scope="module")
def flowers() -> FakeModel:
    x, y = datasets.load_iris(return_X_y=True)
    return served(svm.SVC(gamma="scale").fit(x, y), IRIS)


def labels(body: Any, make: Make, model: FakeModel) -> Any:
    answer = make(model).ask(infer(orjson.dumps(body)))
    assert answer.status == 200, answer.body
    [output] = answer.json["outputs"]
    return output["data"]


def test_kserves_scikit_learn_example(replica: Make, flowers: FakeModel) -> None:
    assert labels(KSERVE, replica, flowers) == [1, 1]


@pytest.mark.parametrize("way", ["fast path"])  # gRPC only takes the fast path
def test_kserves_scikit_learn_example_over_grpc(replica: Make, flowers: FakeModel) -> None:
    with replica(flowers).connect() as client:
        answer = call(client, "ModelInfer", framed("ModelInfer", model_name="doubler", **KSERVE_GRPC)).message
    assert np.frombuffer(answer.raw_output_contents[0], np.int64).tolist() == [1, 1]


def test_mlservers_scikit_learn_example(replica: Make) -> None:
    digits = datasets.load_digits()
    data = digits.images.reshape((len(digits.images), -1))
    train, test, numbers, expected = train_test_split(data, digits.target, test_size=0.5, shuffle=False)
    model = served(svm.SVC(gamma=0.001).fit(train, numbers), DIGITS)
    for rows in (1, 2):
        x = test[:rows]
        body = {"inputs": [{"name": "predict", "shape": x.shape, "datatype": "FP32", "data": x.tolist()}]}
        assert labels(body, replica, model) == expected[:rows].tolist()


def test_kserves_mlflow_example_of_a_tensor_a_column(replica: Make) -> None:
    model = FakeModel(
        lambda inputs: {"label": np.array([5])},
        signature=Signature((TensorSpec("x", "FP64", (FREE, len(WINE)), tuple(WINE)),), (LABEL,)),
    )
    inputs = [{"name": name, "shape": [1], "datatype": "FP32", "data": [value]} for name, value in WINE.items()]
    for sent in (inputs, inputs[::-1]):
        assert labels({"parameters": {"content_type": "pd"}, "inputs": sent}, replica, model) == [5]
        assert model.calls[-1]["x"].tolist() == np.array([[*WINE.values()]], np.float32).astype(np.float64).tolist()


def test_mlservers_example_of_a_data_frame(replica: Make) -> None:
    model = FakeModel(
        lambda inputs: {"label": np.array([5, 6])},
        signature=Signature(
            (TensorSpec("First Name", "BYTES", (FREE, 1)), TensorSpec("Age", "INT64", (FREE, 1))), (LABEL,)
        ),
    )
    body = {
        "parameters": {"content_type": "pd"},
        "inputs": [
            {
                "name": "First Name",
                "datatype": "BYTES",
                "parameters": {"content_type": "str"},
                "shape": [2],
                "data": ["Joanne", "Michael"],
            },
            {"name": "Age", "datatype": "INT32", "shape": [2], "data": [34, 22]},
        ],
    }
    assert labels(body, replica, model) == [5, 6]
    asked: Tensors = model.calls[-1]
    assert (asked["First Name"].tolist(), asked["Age"].tolist()) == ([["Joanne"], ["Michael"]], [[34], [22]])


def test_kserves_autogluon_example_with_a_column_that_is_not_read(replica: Make) -> None:
    model = FakeModel(
        lambda inputs: {"label": np.array([0, 1])},
        signature=Signature(
            (TensorSpec("Pclass", "FP64", (FREE, 1)), TensorSpec("Sex", "BYTES", (FREE, 1))),
            (LABEL,),
            fitted=("PassengerId", "Pclass", "Sex"),
        ),
    )
    body = {
        "inputs": [
            {"name": "PassengerId", "shape": [2], "datatype": "INT64", "data": [1, 2]},
            {"name": "Pclass", "shape": [2], "datatype": "INT64", "data": [3, 1]},
            {"name": "Sex", "shape": [2], "datatype": "BYTES", "data": ["male", "female"]},
        ]
    }
    assert labels(body, replica, model) == [0, 1]
    assert model.calls[-1].keys() == {"Pclass", "Sex"}


CLASSIFIER = Signature(
    (TensorSpec("x", "FP64", (FREE, 4), FEATURES),),
    (TensorSpec("label", "INT64", (FREE,)), TensorSpec("scores", "FP64", (FREE, 2))),
    task="classification",
    classes=(0, 1),
    label="label",
    scores="scores",
)
ECHO = Signature((TensorSpec("text", "BYTES", (FREE,)),), (TensorSpec("same", "BYTES", (FREE,)),))


def classifier() -> FakeModel:
    return FakeModel(
        lambda inputs: {"label": np.arange(len(inputs["x"])), "scores": np.full((len(inputs["x"]), 2), 0.5)},
        signature=CLASSIFIER,
        example={"x": np.zeros((2, 4))},
    )


def echo() -> FakeModel:
    return FakeModel(
        lambda inputs: {"same": inputs["text"]}, signature=ECHO, example={"text": np.array(["a", "b"], object)}
    )


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("predict", [0, 1]),
        ("output-0", [0, 1]),
        ("predictions", [0, 1]),
        ("predict_proba", [0.5] * 4),
        ("label", [0, 1]),
    ],
)
def test_outputs_have_the_names_of_mlservers_and_kserves_models(replica: Make, name: str, data: Any) -> None:
    answer = replica(classifier()).ask(infer(orjson.dumps({**KSERVE, "outputs": [{"name": name}]})))
    [output] = answer.json["outputs"]
    assert (output["name"], output["data"]) == (name, data)


def test_kserves_binary_output_has_the_name_that_was_asked_for(replica: Make, flowers: FakeModel) -> None:
    wanted = {"name": "output-0", "parameters": {"binary_data": True}}
    answer = replica(flowers).ask(infer(orjson.dumps({**KSERVE, "outputs": [wanted]})))
    length = int(answer.header("inference-header-content-length"))
    [output] = orjson.loads(answer.body[:length])["outputs"]
    assert output["name"] == "output-0"
    assert np.frombuffer(answer.body[length:], np.int64).tolist() == [1, 1]


def test_a_name_that_no_output_has_is_refused_where_there_are_several(replica: Make) -> None:
    answer = replica(classifier()).ask(infer(orjson.dumps({**KSERVE, "outputs": [{"name": "lable"}]})))
    assert (answer.status, "did you mean 'label'" in answer.json["error"]) == (400, True)
    both = [{"name": "label"}, {"name": "predict"}]
    answer = replica(classifier()).ask(infer(orjson.dumps({**KSERVE, "outputs": both})))
    assert (answer.status, "duplicate output 'label'" in answer.json["error"]) == (400, True)


@pytest.mark.parametrize("way", ["fast path"])
def test_outputs_have_those_names_over_grpc_too(replica: Make) -> None:
    with replica(classifier()).connect() as client:
        asked = {**KSERVE_GRPC, "outputs": [{"name": "predict_proba"}]}
        answer = call(client, "ModelInfer", framed("ModelInfer", model_name="doubler", **asked)).message
    assert [output.name for output in answer.outputs] == ["predict_proba"]
    assert np.frombuffer(answer.raw_output_contents[0]).tolist() == [0.5] * 4


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        ({"name": "parameters-str", "shape": [1], "data": "hello world 😁"}, ["hello world 😁"]),
        (
            {"name": "foo", "shape": [2, 1], "data": ["bar", "bar2"], "parameters": {"content_type": "str"}},
            ["bar", "bar2"],
        ),
        ({"name": "input-0", "shape": [], "data": ["Hello, my dog is cute."]}, ["Hello, my dog is cute."]),
        (
            {"name": "foo", "shape": [1], "data": ["UHl0aG9uIGlzIGZ1bg=="], "parameters": {"content_type": "base64"}},
            ["Python is fun"],
        ),
        (
            {"name": "foo", "shape": [1, 1], "data": ["/+7d"], "parameters": {"content_type": "base64"}},
            [b"\xff\xee\xdd"],
        ),
        ({"name": "foo", "shape": [1], "data": ["2022-01-11T11:00:00"], "parameters": {"content_type": "datetime"}},)
        * 1
        + (["2022-01-11T11:00:00"],),
    ],
    ids=["a text alone", "a column", "a scalar", "base64", "base64 of bytes", "a date"],
)
def test_texts_as_mlserver_and_kserve_write_them(replica: Make, tensor: Any, expected: Any) -> None:
    model = echo()
    # As MLServer's own types write a request: what is not there is null.
    body = {
        "id": None,
        "parameters": None,
        "inputs": [{"parameters": None, "datatype": "BYTES", **tensor}],
        "outputs": None,
    }
    answer = replica(model).ask(infer(orjson.dumps(body)))
    assert answer.status == 200, answer.body
    assert model.calls[-1]["text"].tolist() == expected


def test_what_is_no_base64_is_refused(replica: Make) -> None:
    tensor = {
        "name": "text",
        "shape": [1],
        "datatype": "BYTES",
        "data": ["no!"],
        "parameters": {"content_type": "base64"},
    }
    answer = replica(echo()).ask(infer(orjson.dumps({"inputs": [tensor]})))
    assert (answer.status, "value 0 is not base64" in answer.json["error"]) == (400, True)


@pytest.mark.parametrize("way", ["fast path"])
@pytest.mark.parametrize("raw", [False, True])
def test_base64_is_read_over_grpc_too(replica: Make, raw: bool) -> None:
    model = echo()
    tensor: Any = {
        "name": "foo",
        "shape": [1],
        "datatype": "BYTES",
        "parameters": {"content_type": {"string_param": "base64"}},
    }
    text = b"UHl0aG9uIGlzIGZ1bg=="
    fields: Any = {"raw_input_contents": [len(text).to_bytes(4, "little") + text]} if raw else {}
    if not raw:
        tensor["contents"] = {"bytes_contents": [text]}
    with replica(model).connect() as client:
        assert (
            call(client, "ModelInfer", framed("ModelInfer", model_name="doubler", inputs=[tensor], **fields)).status
            == 0
        )
    assert model.calls[-1]["text"].tolist() == ["Python is fun"]


def test_mlservers_example_of_a_missing_number(replica: Make) -> None:
    model = FakeModel(
        lambda inputs: {"label": np.array([5, 6])}, signature=Signature((TensorSpec("x", "FP64", (FREE, 2)),), (LABEL,))
    )
    foo = {
        "name": "foo",
        "parameters": {"content_type": "np"},
        "data": [1.2, 2.3, None, 4.5],
        "datatype": "FP64",
        "shape": [2, 2],
    }
    assert labels({"inputs": [foo]}, replica, model) == [5, 6]
    assert np.isnan(model.calls[-1]["x"][1, 0])


def test_a_text_may_be_missing_over_http(replica: Make) -> None:
    model = FakeModel(
        lambda inputs: {"label": np.array([len(inputs["city"])])},
        signature=Signature((TensorSpec("city", "BYTES", (FREE, 1), missing=True),), (LABEL,), fitted=("id", "city")),
    )
    body = {"inputs": [{"name": "city", "shape": [1], "datatype": "BYTES", "data": [None]}]}
    assert labels(body, replica, model) == [1]
    assert model.calls[-1]["city"].tolist() == [[None]]

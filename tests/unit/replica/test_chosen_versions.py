"""The default version and labels: all protocols use them, and they may change at any time."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import orjson
import pytest

from modelyard.config.model_spec import ModelSpec
from modelyard.errors import ModelNotFound
from modelyard.http.problem import HttpResponse
from modelyard.http.request import HttpRequest
from modelyard.inference.warmup import Warmup
from modelyard.protocols.codecs import codecs_of
from modelyard.protocols.grpc.messages import INFERENCE, methods
from modelyard.protocols.loaded_version import LoadedVersion
from modelyard.protocols.running_version import run_version
from modelyard.replica.dispatch import Dispatch
from modelyard.repository.resolve import ServedVersion
from modelyard.telemetry.request_log import RequestLog, RequestLogConfig
from tests.fakes import FakeModel

UNWRITTEN = RequestLog("m", RequestLogConfig(Path("/nowhere"), 0.0))
CHEAP = Warmup(fixed_s=20e-6, per_row_s=1e-6, batchable=True)
INSTANCES = b'{"instances": [[1.0]]}'
TENSORS = b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1.0]}]}'
METHODS = methods(INFERENCE)


class Model:
    """Version n multiplies by n. Versions 3, 2 and 1 are served."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        spec = ModelSpec.model_validate({"name": "m"})

        def loaded(number: int) -> LoadedVersion:
            model = FakeModel(lambda inputs: {"y": inputs["x"] * number})
            codecs = codecs_of("m", number, model.signature)
            return LoadedVersion(ServedVersion(number, f"sha256:{number}"), model, codecs, INSTANCES, CHEAP, 0.0)

        versions = {number: run_version(loaded(number), spec, loop, UNWRITTEN) for number in (3, 2, 1)}
        self.routes = Dispatch(spec, "onnx", versions)

    def http(self, path: str, body: bytes = b"") -> Any:
        """The JSON of the response."""
        request = HttpRequest("POST" if body else "GET", path, b"", {b"host": b"h"}, body, "r")
        reply_received = self.loop.run_until_complete(cast(Any, self.routes.respond(request)))
        return orjson.loads(cast(HttpResponse, reply_received).body)

    def factor(self, path: str) -> float:
        """The factor of the version at this path."""
        if path.endswith("infer"):
            (output,) = self.http(path, TENSORS)["outputs"]
            (factor,) = output["data"]
        else:
            ((factor,),) = self.http(path, INSTANCES)["predictions"]
        return float(factor)

    def grpc_version(self, version: str) -> str:
        """The version that responds to a ModelInfer for this version or label."""
        method = METHODS["ModelInfer"]
        message = method.request(model_name="m", model_version=version)
        tensor = message.inputs.add(name="x", datatype="FP32", shape=[1, 1])
        tensor.contents.fp32_contents.append(1.0)
        sent = self.routes.grpc(method.path, message.SerializeToString(), "r")
        response = method.response()
        response.ParseFromString(self.loop.run_until_complete(cast(Any, sent)))
        return str(response.model_version)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    one = asyncio.new_event_loop()
    yield one
    one.close()


@pytest.fixture
def model(loop: asyncio.AbstractEventLoop) -> Model:
    return Model(loop)


PATHS = ("/models/m{}/predict", "/models/m{}/invocations", "/v2/models/m{}/infer", "/v1/models/m{}:predict")


@pytest.mark.parametrize("path", PATHS)
def test_the_newest_version_is_the_default_until_another_one_is_named(model: Model, path: str) -> None:
    assert model.factor(path.format("")) == 3
    model.routes.choose(1, {})
    assert model.factor(path.format("")) == 1
    assert model.factor(path.format("/versions/3")) == 3


@pytest.mark.parametrize("path", PATHS)
def test_a_label_can_be_used_in_place_of_a_version(model: Model, path: str) -> None:
    model.routes.choose(2, {"stable": 2, "next": 3})
    assert model.factor(path.format("/versions/stable")) == 2
    assert model.factor(path.format("/versions/next")) == 3
    model.routes.choose(3, {"stable": 3})
    assert model.factor(path.format("/versions/stable")) == 3
    with pytest.raises(ModelNotFound, match=r"no version 'next' here; served: 3, 2, 1, stable"):
        model.factor(path.format("/versions/next"))


def test_tensorflow_servings_labels_have_a_path_of_their_own(model: Model) -> None:
    model.routes.choose(2, {"stable": 1})
    assert model.factor("/v1/models/m/labels/stable:predict") == 1
    status = model.http("/v1/models/m/labels/stable")["model_version_status"]
    assert [each["version"] for each in status] == ["1"]
    with pytest.raises(ModelNotFound, match="no version of model 'm' has the label '3'; labels: stable"):
        model.factor("/v1/models/m/labels/3:predict")


def test_the_fast_path_has_an_endpoint_for_each_version_and_another_default_after_a_choice(model: Model) -> None:
    model.routes.choose(1, {"next": 3})
    paths = model.routes.fast_paths
    for root, verb in (("/models/m", "/predict"), ("/v2/models/m", "/infer"), ("/v1/models/m", ":predict")):

        def at(path: str, root: str = root, verb: str = verb) -> object:
            return model.routes.fast_paths.get(f"{root}{path}{verb}".encode())

        assert at("") is at("/versions/1") is not None
        assert at("/versions/next") is at("/versions/3") is not at("")
    model.routes.choose(3, {})
    assert paths is not model.routes.fast_paths
    assert at("") is at("/versions/3")
    assert at("/versions/next") is None


def test_a_grpc_message_that_was_read_before_gets_the_new_default(model: Model) -> None:
    assert [model.grpc_version(version) for version in ("", "", "1")] == ["3", "3", "1"]
    model.routes.choose(2, {"stable": 1})
    assert [model.grpc_version(version) for version in ("", "", "stable", "3")] == ["2", "2", "1", "3"]


def test_the_models_description_names_the_default_and_the_labels(model: Model) -> None:
    model.routes.choose(1, {"next": 3})
    about = model.http("/models/m")
    assert (about["version"], about["default_version"], about["version_labels"]) == ("1", "1", {"next": "3"})
    assert model.http("/models/m/versions/next")["version"] == "3"


def test_a_version_that_is_not_served_cannot_be_chosen(model: Model) -> None:
    with pytest.raises(KeyError):
        model.routes.choose(7, {})

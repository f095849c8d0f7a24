"""Every path below a model's route, and the model's description."""

import asyncio
import gzip
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from modelyard.config.model_spec import ModelSpec
from modelyard.errors import MethodNotAllowed, ModelNotFound, UnsupportedMediaType
from modelyard.http.problem import HttpResponse
from modelyard.http.request import HttpRequest
from modelyard.inference.warmup import Warmup
from modelyard.protocols.codecs import codecs_of
from modelyard.protocols.loaded_version import LoadedVersion
from modelyard.protocols.predict.example import example_body
from modelyard.protocols.predict.model_page import curl_command
from modelyard.protocols.predict.routes import PredictRoutes
from modelyard.protocols.running_version import run_version
from modelyard.protocols.served_model import ServedModel
from modelyard.protocols.versions import Versions
from modelyard.repository.resolve import ServedVersion
from modelyard.telemetry.request_log import RequestLog, RequestLogConfig
from modelyard.tensors import FREE, Signature, TensorSpec
from tests.fakes import FakeModel

UNWRITTEN = RequestLog("iris", RequestLogConfig(Path("/nowhere"), 0.0))
WARMUP = Warmup(fixed_s=20e-6, per_row_s=1e-6, batchable=False, reason="it is turned off (max_size: 1)")
TWO_COLUMNS = Signature(
    inputs=(
        TensorSpec("x", "FP32", (FREE, 2), columns=("width", "it's")),
        TensorSpec("note", "BYTES", (FREE,), optional=True),
    ),
    outputs=(TensorSpec("y", "FP32", (FREE, 2)),),
    task="transformation",
)


def make(loop: asyncio.AbstractEventLoop, signature: Signature | None = None, **spec: Any) -> PredictRoutes:
    """Routes of a model with the versions 7 and 3."""
    model = FakeModel(signature=signature) if signature else FakeModel()
    if signature:
        model.example = {"x": model.example["x"].repeat(2, axis=1)}
    result = ModelSpec.model_validate({"name": "doubler", **spec})
    example = example_body(model.signature, model.example)

    def loaded(number: int) -> LoadedVersion:
        codecs = codecs_of("doubler", number, model.signature)
        return LoadedVersion(ServedVersion(number, f"sha256:{number}"), model, codecs, example, WARMUP, 0.0)

    versions = {number: run_version(loaded(number), result, loop, UNWRITTEN) for number in (7, 3)}
    return PredictRoutes(ServedModel(result, "onnx", Versions("doubler", versions)))


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    one = asyncio.new_event_loop()
    yield one
    one.close()


class Fetch:
    """Sends requests to a model's routes as if over HTTP."""

    def __init__(self, loop: asyncio.AbstractEventLoop, routes: PredictRoutes) -> None:
        self.loop = loop
        self.routes = routes

    def __call__(self, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> HttpResponse:
        path, _, query = path.partition("?")
        result = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        request = HttpRequest(method, path, query.encode(), result, body, "id")
        return self.loop.run_until_complete(self.routes.respond(request))


@pytest.fixture
def fetch(loop: asyncio.AbstractEventLoop) -> Fetch:
    return Fetch(loop, make(loop))


def test_the_hot_paths_are_those_of_the_newest_and_of_each_version(loop: asyncio.AbstractEventLoop) -> None:
    hot = make(loop).endpoints()
    newest = hot[b"/models/doubler/predict"]
    assert hot.keys() == {
        f"/models/doubler{version}/{verb}".encode()
        for version in ("", "/versions/7", "/versions/3")
        for verb in ("predict", "invocations")
    }
    assert hot[b"/models/doubler/versions/7/predict"] is newest
    assert hot[b"/models/doubler/versions/3/predict"] is not newest


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("/models/doubler", "7"),
        ("/models/doubler/", "7"),
        ("/models/doubler/versions/3", "3"),
        ("/models/doubler/versions/3/", "3"),
    ],
)
def test_a_model_and_each_of_its_versions_is_described(fetch: Fetch, path: str, number: str) -> None:
    response = fetch(path)
    document = orjson.loads(response.body)
    assert (response.status, dict(response.headers)[b"content-type"]) == (200, b"application/json")
    assert (document["name"], document["version"], document["digest"]) == ("doubler", number, f"sha256:{number}")
    assert (document["state"], document["runtime"], document["task"]) == ("READY", "onnx", "tensors")
    assert document["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 1]}]
    assert document["batching"] == {"batched": False, "reason": "it is turned off (max_size: 1)"}
    assert document["notes"] == []
    assert [each["version"] for each in document["versions"]] == ["7", "3"]


def test_notes_for_the_operator_are_in_the_models_description(loop: asyncio.AbstractEventLoop) -> None:
    routes = make(loop)
    routes._versions.default.loaded.model.notes = ("its forest is not rebuilt: it differs",)
    document = orjson.loads(Fetch(loop, routes)("/models/doubler").body)
    assert document["notes"] == ["its forest is not rebuilt: it differs"]


def test_columns_and_optional_inputs_are_named_in_the_description(loop: asyncio.AbstractEventLoop) -> None:
    document = orjson.loads(Fetch(loop, make(loop, TWO_COLUMNS))("/models/doubler").body)
    assert document["inputs"] == [
        {"name": "x", "datatype": "FP32", "shape": [-1, 2], "columns": ["width", "it's"]},
        {"name": "note", "datatype": "BYTES", "shape": [-1], "optional": True},
    ]


def test_the_description_is_the_operators_own_as_it_is_now(fetch: Fetch) -> None:
    model = fetch.routes._model
    model.spec = model.spec.model_copy(update={"description": "Doubles."})
    assert orjson.loads(fetch("/models/doubler").body)["description"] == "Doubles."


@pytest.mark.parametrize(
    "path", ["/models/doubler/ready", "/models/doubler/versions/7/ready", "/models/doubler/ready/"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_readiness_is_answered(fetch: Fetch, path: str, method: str) -> None:
    response = fetch(path, method)
    assert (response.status, response.body) == (200, b'{"ready":true}')


@pytest.mark.parametrize("path", ["/models/doubler/predict", "/models/doubler/versions/3/predict/"])
def test_predict_is_answered_with_its_timing(fetch: Fetch, path: str) -> None:
    response = fetch(path, "POST", b'{"instances": [[4]]}', content_type="application/json")
    assert orjson.loads(response.body)["predictions"] == [[8.0]]
    assert b"compute;dur=" in dict(response.headers)[b"server-timing"]


@pytest.mark.parametrize("signature", [None, TWO_COLUMNS])
def test_the_example_in_the_description_answers(loop: asyncio.AbstractEventLoop, signature: Signature | None) -> None:
    fetch = Fetch(loop, make(loop, signature))
    example = orjson.loads(fetch("/models/doubler").body)["example"]
    response = fetch("/models/doubler/predict", "POST", orjson.dumps(example), content_type="application/json")
    assert len(orjson.loads(response.body)["predictions"]) == 2


def curl_arguments(response: HttpResponse) -> list[str]:
    """The arguments that a shell parses from the curl line."""
    return shlex.split(orjson.loads(response.body)["curl"])


def test_the_curl_line_is_one_command_that_sends_the_example(loop: asyncio.AbstractEventLoop) -> None:
    fetch = Fetch(loop, make(loop, TWO_COLUMNS))
    response = fetch("/models/doubler", host="models.example:8000")
    program, silent, url, header_flag, header, data_flag, data = curl_arguments(response)
    assert (program, silent, header_flag, data_flag) == ("curl", "-s", "-H", "-d")
    assert (url, header) == ("http://models.example:8000/models/doubler/predict", "content-type: application/json")
    assert orjson.loads(data) == orjson.loads(response.body)["example"]
    assert "it's" in data


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "[::1]:8000", "a-b.example"])
def test_the_curl_line_has_the_host_of_the_request(fetch: Fetch, host: str) -> None:
    assert curl_arguments(fetch("/models/doubler", host=host))[2] == f"http://{host}/models/doubler/predict"


def test_the_curl_line_speaks_tls_where_the_edge_does(fetch: Fetch) -> None:
    response = fetch("/models/doubler", host="models.example", x_forwarded_proto="https")
    assert curl_arguments(response)[2] == "https://models.example/models/doubler/predict"


@pytest.mark.parametrize(
    "host",
    [
        "a; rm -rf ~",
        "a$(id)",
        "a`id`",
        "a\nb",
        "a' 'b",
        'a"b',
        "a/../..",
        "user@host",
        "a?b=c",
        "a#b",
        "-o/etc/passwd x",
        "[::1",
        "[$(id)]",
        "a:port",
        "{a,b}",
        "h\u00f6st",
        "x" * 300,
        "",
    ],
)
def test_an_invalid_host_is_not_in_the_curl_line(fetch: Fetch, host: str) -> None:
    arguments = curl_arguments(fetch("/models/doubler", host=host))
    assert arguments[2] == "/models/doubler/predict"
    assert len(arguments) == 7


def test_a_body_of_any_characters_is_one_argument_of_the_curl_line() -> None:
    body = {"instances": ["it's", '$(id) `id` \\ "', "a\nb", "\u2028 caf\u00e9", "!$@"]}
    assert orjson.loads(shlex.split(curl_command("http://a/b", orjson.dumps(body)))[-1]) == body


@pytest.mark.parametrize(
    ("path", "method", "allow"),
    [
        ("/models/doubler", "POST", ("GET", "HEAD")),
        ("/models/doubler/ready", "PUT", ("GET", "HEAD")),
        ("/models/doubler/predict", "GET", ("POST",)),
        ("/models/doubler/predict", "HEAD", ("POST",)),
        ("/models/doubler/versions/3/predict", "DELETE", ("POST",)),
    ],
)
def test_another_method_is_rejected_with_the_allowed_ones(fetch: Fetch, path: str, method: str, allow: Any) -> None:
    with pytest.raises(MethodNotAllowed) as caught:
        fetch(path, method)
    assert caught.value.allow == allow


@pytest.mark.parametrize("text", ["1", "03", "+3", " 3", "\u0663", "3.0", "latest", "9" * 5000, "-7", "%33"])
def test_a_version_that_is_not_served_is_rejected_with_the_list_of_served_ones(fetch: Fetch, text: str) -> None:
    with pytest.raises(ModelNotFound, match="served: 7, 3"):
        fetch(f"/models/doubler/versions/{text}/ready")


@pytest.mark.parametrize(
    "path",
    [
        "/models/doublers",
        "/predict",
        "/models/doubler/predict/x",
        "/models/doubler//predict",
        "/models/doubler/versions",
        "/models/doubler/versions/",
        "/models/doubler/predict\n",
        "/models/doubler/ready//",
        "/models/Doubler/predict",
    ],
)
def test_another_path_is_rejected(fetch: Fetch, path: str) -> None:
    with pytest.raises(ModelNotFound, match="a model has no path"):
        fetch(path, "POST")


def test_a_custom_route_is_matched_literally(loop: asyncio.AbstractEventLoop) -> None:
    fetch = Fetch(loop, make(loop, route="/a.b/v1"))
    assert fetch("/a.b/v1/ready").status == 200
    with pytest.raises(ModelNotFound):
        fetch("/axb/v1/ready")


def test_a_compressed_body_is_read_and_an_unknown_compression_is_rejected(fetch: Fetch) -> None:
    body = gzip.compress(b'{"instances": [[4]]}')
    response = fetch("/models/doubler/predict", "POST", body, content_encoding="gzip")
    assert orjson.loads(response.body)["predictions"] == [[8]]
    with pytest.raises(UnsupportedMediaType, match="content encoding 'br'"):
        fetch("/models/doubler/predict", "POST", b"", content_encoding="br")


def test_a_request_that_is_cancelled_cancels_its_pending_request(loop: asyncio.AbstractEventLoop) -> None:
    routes = make(loop)
    request = HttpRequest("POST", "/models/doubler/predict", b"", {}, b'{"instances": [[4]]}', "id")

    async def give_up() -> None:
        sent = asyncio.ensure_future(routes.respond(request))
        sent.get_loop().call_soon(sent.cancel)
        with pytest.raises(asyncio.CancelledError):
            await sent

    loop.run_until_complete(give_up())
    assert routes._versions.default.scheduler.in_flight == 0

"""The paths of a pool: models come, change and go while requests are open; those that are not loaded are waited for."""

import asyncio
import gzip
import struct
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, cast

import orjson
import pytest

from modelyard.config.model_spec import ModelSpec
from modelyard.errors import DeadlineExceeded, ModelNotFound, ModelNotReady
from modelyard.http.endpoint import Header
from modelyard.http.fast_path import FastPath
from modelyard.http.problem import HttpResponse
from modelyard.http.request import HttpRequest
from modelyard.inference.warmup import Warmup
from modelyard.protocols.codecs import codecs_of
from modelyard.protocols.grpc.frames import frame
from modelyard.protocols.grpc.messages import INFERENCE, methods
from modelyard.protocols.loaded_version import LoadedVersion
from modelyard.protocols.running_version import run_version
from modelyard.protocols.versions import VersionNames
from modelyard.replica.dispatch import Dispatch, waiting_paths
from modelyard.replica.pool_dispatch import PoolDispatch
from modelyard.repository.resolve import ServedVersion
from modelyard.telemetry.request_log import RequestLog, RequestLogConfig
from tests.fakes import FakeModel

UNWRITTEN = RequestLog("m", RequestLogConfig(Path("/nowhere"), 0.0))
CHEAP = Warmup(fixed_s=20e-6, per_row_s=1e-6, batchable=True)
BODY = b'{"instances": [[1.0]]}'
METHODS = methods(INFERENCE)
INFER = METHODS["ModelInfer"]
NAMES = VersionNames((1,), 1)


def dispatch(name: str, factor: float, **keys: Any) -> Dispatch:
    """A model that multiplies, on the running loop."""
    spec = ModelSpec.model_validate({"name": name, **keys})
    model = FakeModel(lambda inputs: {"y": inputs["x"] * factor})
    codecs = codecs_of(name, 1, model.signature)
    loaded = LoadedVersion(ServedVersion(1, "sha256:1"), model, codecs, BODY, CHEAP, 0.0)
    return Dispatch(spec, "onnx", {1: run_version(loaded, spec, asyncio.get_running_loop(), UNWRITTEN)})


class Loads:
    """Loads of cold models, which end when the test says so."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.cancelled = 0
        self.outcome: asyncio.Future[Dispatch] = asyncio.get_running_loop().create_future()

    async def __call__(self, name: str) -> Dispatch:
        self.begun.append(name)
        try:
            return await asyncio.shield(self.outcome)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


async def elsewhere(path: bytes, message: bytes, request_id: str) -> bytes:
    raise ModelNotFound("no model elsewhere")


def pool_of(*models: Dispatch, load: Loads | None = None) -> PoolDispatch:
    pool = PoolDispatch("/pools/p", load or Loads(), others=elsewhere)
    for model in models:
        pool.set_loaded(model)
    return pool


Test = Callable[[], Awaitable[None]]


def run(test: Test) -> None:
    async def limited() -> None:
        async with asyncio.timeout(30):
            await test()

    asyncio.run(limited())


class Reply:
    """A request on the fast path."""

    def __init__(
        self, pool: PoolDispatch, path: bytes, body: bytes, content_type: bytes, headers: tuple[Header, ...] = ()
    ) -> None:
        self.outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        endpoint = pool.fast_paths[path]
        self.handle = endpoint.start(body, content_type, headers, self.outcome.set_result, "r")

    async def result(self) -> Any:
        outcome = await self.outcome
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


async def http(pool: PoolDispatch, path: str, body: bytes = BODY, method: str = "POST") -> Any:
    request = HttpRequest(method, path, b"", {b"content-type": b"application/json"}, body, "r")
    return orjson.loads(cast(HttpResponse, await pool.respond(request)).body)


def predict(pool: PoolDispatch, path: bytes) -> Reply:
    return Reply(pool, path, BODY, b"application/json")


async def factor(reply: Reply) -> float:
    response = (await reply.result()).to_http_response()
    return float(orjson.loads(response.body)["predictions"][0][0])


def message(name: str, *, before: bytes = b"") -> bytes:
    """A ModelInferRequest with its fields in the usual order, behind `before`."""
    sent = INFER.request(model_name=name)
    tensor = sent.inputs.add(name="x", datatype="FP32", shape=[1, 1])
    tensor.contents.fp32_contents.append(1.0)
    return before + cast(bytes, sent.SerializeToString())


def infer(pool: PoolDispatch, body: bytes, headers: tuple[Header, ...] = ()) -> Reply:
    return Reply(pool, INFER.path, body, b"application/grpc", headers)


async def named(reply: Reply) -> str:
    return str(INFER.response.FromString((await reply.result()).message).model_name)


# Names and order


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/models/a", "a"),
        ("/models/a/versions/1/predict", "a"),
        ("/models/ab/predict", "ab"),
        ("/v2/models/a/infer", "a"),
        ("/v2/models/ab", "ab"),
        ("/v2/models/own/ready", "own"),
        ("/v1/models/a:predict", "a"),
        ("/v1/models/ab/versions/1:predict", "ab"),
        ("/deep/route/of/one/predict", "own"),
        ("/deep/route/of/one", "own"),
    ],
)
def test_a_path_leads_to_the_model_that_it_names(path: str, name: str) -> None:
    async def test() -> None:
        pool = pool_of(dispatch("a", 2), dispatch("ab", 3), dispatch("own", 4, route="/deep/route/of/one"))
        assert pool.at(path).spec.name == name

    run(test)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/models/iriz/predict", "there is no model 'iriz'; did you mean 'iris'?"),
        ("/models/own/predict", "model 'own' is served at /deep/route"),
        ("/models/", "there is no path '/models'; GET /models lists the models"),
        ("/deep/rout/predict", "there is no path '/deep/rout/predict'; GET /models lists the models"),
        ("/v2/models/iriz/infer", "Request for unknown model: 'iriz' is not found; did you mean 'iris'?"),
        ("/v1/models/iriz:predict", "there is no model 'iriz'; did you mean 'iris'?"),
        ("/v2/other/", "there is no path '/v2/other'"),
        ("/v1/models/", "there is no path '/v1/models'; GET /models lists the models"),
        ("/" * 10_000, "there is no path '/'; GET /models lists the models"),
    ],
)
def test_an_unknown_model_has_the_gateways_error(path: str, error: str) -> None:
    async def test() -> None:
        pool = pool_of(dispatch("iris", 2), dispatch("own", 4, route="/deep/route"))
        with pytest.raises(ModelNotFound) as caught:
            await http(pool, path)
        assert caught.value.message == error

    run(test)


def test_a_unary_call_goes_to_the_model_that_its_message_names() -> None:
    async def test() -> None:
        pool = pool_of(dispatch("a", 2), dispatch("ab", 3), dispatch("n" * 63, 4))
        for name in ("a", "ab", "n" * 63):
            assert await named(infer(pool, frame(message(name)))) == name
        assert await named(infer(pool, frame(message("ab", before=b"\x1a\x02id")))) == "ab", "another order"
        packed = gzip.compress(message("a"))
        body = b"\1" + len(packed).to_bytes(4, "big") + packed
        assert await named(infer(pool, body, ((b"grpc-encoding", b"gzip"),))) == "a"
        assert await pool.grpc(INFER.path, message("a"), "r") != await pool.grpc(INFER.path, message("ab"), "r")

    run(test)


@pytest.mark.parametrize("name", ["ModelReady", "ModelMetadata", "ModelConfig"])
def test_every_unary_method_finds_its_model(name: str) -> None:
    async def test() -> None:
        pool, method = pool_of(dispatch("a", 2), dispatch("ab", 3)), METHODS[name]
        sent = method.request(name="ab").SerializeToString()
        alone = await dispatch("ab", 3).grpc(method.path, sent, "r")
        assert await pool.grpc(method.path, sent, "r") == alone

    run(test)


def test_a_name_that_is_overridden_later_in_the_message_is_an_error() -> None:
    """As for a model alone: HAProxy reads the first one."""

    async def test() -> None:
        pool = pool_of(dispatch("a", 2), dispatch("b", 3))
        with pytest.raises(ModelNotFound, match="reached model 'a', not 'b'"):
            infer(pool, frame(message("b", before=b"\x0a\x01a")))

    run(test)


@pytest.mark.parametrize(
    "body", [b"", b"\0", frame(b""), frame(b"\x0a"), frame(b"\x0a\x05ab"), frame(message("unknown"))]
)
def test_a_message_without_a_known_name_is_an_error(body: bytes) -> None:
    async def test() -> None:
        with pytest.raises(Exception, match=r"message|unknown model"):
            infer(pool_of(dispatch("a", 2)), body)

    run(test)


# Changes


def test_the_paths_of_a_model_come_and_go_and_those_of_others_stay() -> None:
    async def test() -> None:
        pool = pool_of(first := dispatch("a", 2), dispatch("b", 3, route="/b"))
        table, before = pool.fast_paths, dict(pool.fast_paths)
        pool.set_loaded(other := dispatch("a", 5))
        assert await factor(predict(pool, b"/models/a/predict")) == 5
        other.choose(1, {"best": 1})
        pool.set_loaded(other)
        assert await factor(predict(pool, b"/models/a/versions/best/predict")) == 5
        other.choose(1, {})
        pool.set_loaded(other)
        assert table is pool.fast_paths
        assert table.keys() == before.keys()
        pool.remove("a")
        assert set(before) - set(table) == set(first.http_endpoints)
        assert await factor(predict(pool, b"/b/predict")) == 3
        with pytest.raises(ModelNotFound, match="unknown model: 'a'"):
            infer(pool, frame(message("a")))

    run(test)


def test_a_route_that_another_model_has_since_stays_its_own() -> None:
    async def test() -> None:
        pool = pool_of(dispatch("a", 2, route="/r"))
        pool.set_loaded(dispatch("b", 3, route="/r"))
        pool.remove("a")
        assert await factor(predict(pool, b"/r/predict")) == 3
        assert (await http(pool, "/r/predict"))["model_name"] == "b"

    run(test)


def test_the_paths_of_a_model_that_waits_are_those_of_the_loaded_one() -> None:
    async def test() -> None:
        model = dispatch("m", 2, route="/own/route")
        model.choose(1, {"stable": 1})
        assert set(waiting_paths(model.spec, model.names)) == set(model.http_endpoints)

    run(test)


def test_each_model_has_its_own_limit_for_bodies() -> None:
    async def test() -> None:
        pool = pool_of(dispatch("small", 2, limits={"body": 2000}), dispatch("large", 3, limits={"body": 9000}))
        fast_path = FastPath()
        pool.open(fast_path, cast(Any, Meter()))
        budget = fast_path.body_budget
        assert (budget.limit, budget.unchecked_bytes) == (9000, 2000)
        limits = {
            path: budget.largest(path) for path in ("/models/small/predict?x=y", "/pools/p/-/v2/models/large", "/x")
        }
        assert list(limits.values()) == [2000, 9000, 9000]
        with pytest.raises(Exception, match="larger than the limit of 2000 bytes"):
            infer(pool, frame(message("small") + b"\x1a\xd0\x0f" + b"i" * 2000))
        assert await named(infer(pool, frame(message("large") + b"\x1a\xd0\x0f" + b"i" * 2000))) == "large"
        pool.remove("large")
        assert (budget.limit, pool.body_limit) == (2000, 2000)

    run(test)


class Meter:
    def arrived(self) -> None:
        """Not used."""


# Waiting


@pytest.fixture(params=["fast path", "slow path", "gRPC"])
def ask(request: pytest.FixtureRequest) -> Iterator[Callable[[PoolDispatch], Awaitable[Any]]]:
    """Sends a request to the model "cold" and returns its response."""

    async def fast(pool: PoolDispatch) -> Any:
        return await factor(predict(pool, b"/models/cold/predict"))

    async def slow(pool: PoolDispatch) -> Any:
        return (await http(pool, "/models/cold/predict"))["predictions"][0][0]

    async def grpc(pool: PoolDispatch) -> Any:
        response = (await infer(pool, frame(message("cold"))).result()).message
        return struct.unpack("<f", INFER.response.FromString(response).raw_output_contents[0])[0]

    yield {"fast path": fast, "slow path": slow, "gRPC": grpc}[request.param]


def cold(load: Loads, **keys: Any) -> PoolDispatch:
    pool = pool_of(dispatch("warm", 3), load=load)
    pool.set_waiting(ModelSpec.model_validate({"name": "cold", **keys}), NAMES)
    return pool


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0)


def test_a_request_waits_for_its_model_and_holds_up_no_other(ask: Any) -> None:
    async def test() -> None:
        pool = cold(load := Loads())
        asked = asyncio.ensure_future(ask(pool))
        await until(lambda: load.begun)
        assert (load.begun, pool.waiting) == (["cold"], 1)
        assert await factor(predict(pool, b"/models/warm/predict")) == 3
        pool.set_loaded(loaded := dispatch("cold", 7))
        load.outcome.set_result(loaded)
        assert await asked == 7
        assert pool.waiting == 0
        assert await factor(predict(pool, b"/models/cold/predict")) == 7
        assert load.begun == ["cold"], "a loaded model is not waited for"

    run(test)


def test_the_error_of_a_load_is_that_of_the_request(ask: Any) -> None:
    async def test() -> None:
        pool = cold(load := Loads())
        load.outcome.set_exception(ModelNotReady("no memory for it"))
        with pytest.raises(ModelNotReady, match="no memory for it"):
            await ask(pool)
        assert pool.waiting == 0

    run(test)


def test_the_wait_counts_for_the_time_limit_of_the_request(ask: Any) -> None:
    async def test() -> None:
        pool = cold(load := Loads(), limits={"timeout_s": 0.02})
        with pytest.raises(DeadlineExceeded, match=r"no response within 0\.02 s"):
            await ask(pool)
        await until(lambda: not pool.waiting)
        assert load.cancelled == 1

    run(test)


def test_the_wait_counts_for_the_deadline_of_a_grpc_client() -> None:
    async def test() -> None:
        pool = cold(Loads())
        with pytest.raises(DeadlineExceeded, match=r"within 0\.02 s, the timeout of the request"):
            await infer(pool, frame(message("cold")), ((b"grpc-timeout", b"20m"),)).result()

    run(test)


@pytest.mark.parametrize("kind", ["http", "grpc"])
def test_a_client_that_disconnects_ends_its_wait_alone(kind: str) -> None:
    async def test() -> None:
        pool = cold(load := Loads())

        def begin() -> Reply:
            return predict(pool, b"/models/cold/predict") if kind == "http" else infer(pool, frame(message("cold")))

        leaves, stays = begin(), begin()
        await until(lambda: len(load.begun) == 2)
        leaves.handle.cancel()
        await until(lambda: pool.waiting == 1)
        load.outcome.set_result(dispatch("cold", 7))
        await stays.result()
        assert not leaves.outcome.done()

    run(test)


def test_a_path_that_the_loaded_model_does_not_have_is_not_found() -> None:
    async def test() -> None:
        load = Loads()
        pool = pool_of(load=load)
        pool.set_waiting(ModelSpec(name="cold"), VersionNames((2, 1), 2))
        load.outcome.set_result(dispatch("cold", 7))
        with pytest.raises(ModelNotFound, match="there is no path '/models/cold/versions/2/predict'"):
            await predict(pool, b"/models/cold/versions/2/predict").result()

    run(test)


def test_a_model_that_is_evicted_is_waited_for_again(ask: Any) -> None:
    async def test() -> None:
        pool = cold(load := Loads())
        pool.set_loaded(old := dispatch("cold", 2))
        assert await ask(pool) == 2
        pool.set_waiting(old.spec, old.names)
        load.outcome.set_result(dispatch("cold", 7))
        assert await ask(pool) == 7
        assert load.begun == ["cold"]

    run(test)


# Readiness

READINESS = [
    "/v2/models/cold/ready",
    "/v2/models/cold/versions/1/ready",
    "/v2/models/cold/versions/stable/ready/",
    "/v1/models/cold",
    "/v1/models/cold/versions/1",
    "/v1/models/cold/labels/stable",
    "/own/route/ready",
    "/own/route/versions/stable/ready",
]
LABELLED = VersionNames((1,), 1, {"stable": 1})


def cold_at_own_route(load: Loads) -> PoolDispatch:
    pool = pool_of(load=load)
    pool.set_waiting(ModelSpec(name="cold", route="/own/route"), LABELLED)
    return pool


@pytest.mark.parametrize("path", READINESS)
def test_a_cold_model_is_ready_in_the_words_of_a_loaded_one_and_is_not_loaded(path: str) -> None:
    async def test() -> None:
        pool = cold_at_own_route(load := Loads())
        loaded = dispatch("cold", 2, route="/own/route")
        loaded.choose(1, {"stable": 1})
        assert await http(pool, path, b"", "GET") == await http(pool_of(loaded), path, b"", "GET")
        assert load.begun == []
        pool.not_ready = lambda name: ModelNotReady(f"{name} is damaged")
        with pytest.raises(ModelNotReady, match="cold is damaged"):
            await http(pool, path, b"", "GET")

    run(test)


@pytest.mark.parametrize(
    ("path", "method", "error"),
    [
        ("/v2/models/cold/versions/7/ready", "GET", "no version '7' here; served: 1, stable"),
        ("/own/route/versions/7/ready", "GET", "no version '7' here"),
        ("/v1/models/cold/versions/7", "GET", "no version '7' here"),
        ("/v1/models/cold/labels/best", "GET", "has the label 'best'; labels: stable"),
        *((path, "POST", "supports GET, not POST") for path in READINESS[:1] + READINESS[3:4] + READINESS[-1:]),
    ],
)
def test_a_wrong_question_whether_a_cold_model_is_ready_is_an_error_and_loads_nothing(
    path: str, method: str, error: str
) -> None:
    async def test() -> None:
        pool = cold_at_own_route(load := Loads())
        with pytest.raises(Exception, match=error):
            await http(pool, path, b"", method)
        assert load.begun == []

    run(test)


@pytest.mark.parametrize(
    "path", ["/v2/models/cold", "/v2/models/cold/config", "/v1/models/cold/metadata", "/own/route", "/own/route/other"]
)
def test_what_describes_a_cold_model_loads_it(path: str) -> None:
    async def test() -> None:
        pool = cold_at_own_route(load := Loads())
        load.outcome.set_exception(ModelNotReady("no memory for it"))
        with pytest.raises(ModelNotReady, match="no memory for it"):
            await http(pool, path, b"", "GET")
        assert load.begun == ["cold"]

    run(test)


def test_a_cold_model_is_ready_over_grpc_and_is_not_loaded() -> None:
    async def test() -> None:
        pool, method = cold_at_own_route(load := Loads()), METHODS["ModelReady"]

        async def ready(version: str) -> bool:
            sent = method.request(name="cold", version=version).SerializeToString()
            reply = Reply(pool, method.path, frame(sent), b"application/grpc")
            return bool(method.response.FromString((await reply.result()).message).ready)

        assert [await ready(version) for version in ("", "1", "stable")] == [True] * 3
        with pytest.raises(ModelNotFound, match="no version '7'"):
            await ready("7")
        pool.not_ready = lambda name: ModelNotReady("damaged")
        with pytest.raises(ModelNotReady, match="damaged"):
            await ready("")
        assert load.begun == []

    run(test)

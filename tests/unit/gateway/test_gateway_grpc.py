"""The gateway's gRPC endpoints, with a catalogue and a fake replica from the test."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from modelyard.errors import ModelNotFound, ModelNotReady, ModelyardError, Overloaded
from modelyard.gateway.catalogue import GetEntries, ModelEntry
from modelyard.gateway.grpc.routes import GrpcRoutes
from modelyard.gateway.model_statistics import ModelStatistics
from modelyard.gateway.repository_api import RepositoryApi
from modelyard.protocols.grpc.frames import FrameReader, frame
from modelyard.protocols.grpc.messages import HEALTH, INFERENCE, Method, methods
from modelyard.protocols.grpc.reflection import METHOD as REFLECT
from modelyard.protocols.grpc.reflection import V1ALPHA_METHOD
from modelyard.protocols.grpc.status import Status, status_of
from modelyard.protocols.grpc.unary import UnaryResponse
from tests.unit.gateway.gateway_client import LIMIT, MODELS, entry, get_totals, pooled_entry

METHODS = {**methods(INFERENCE), **methods(HEALTH)}
SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3


class Gateway:
    """The gateway's gRPC endpoints. Records the calls that are forwarded to replicas."""

    def __init__(self, entries: list[ModelEntry] = MODELS, error: ModelyardError | None = None) -> None:
        self.entries = entries
        self.forwarded: list[tuple[str, bytes]] = []
        """Model and path of each forwarded call."""
        self._error = error
        self.changes: list[tuple[str, str, str]] = []
        """Pool's application, model and change of each request to load or unload."""
        self.routes = self.make_routes(self._get_entries)

    def make_routes(self, get_entries: GetEntries) -> GrpcRoutes:
        repository = RepositoryApi(get_entries, self._change_residency)
        return GrpcRoutes(get_entries, ModelStatistics(get_totals), self._call_model, repository, limit_bytes=LIMIT)

    async def _change_residency(self, application: str, model: str, change: str) -> None:
        self.changes.append((application, model, change))
        if self._error:
            raise self._error

    async def _get_entries(self) -> Mapping[str, ModelEntry]:
        return {entry.name: entry for entry in self.entries}

    async def _call_model(self, model: str, path: bytes, message: bytes, request_id: str) -> bytes:
        self.forwarded.append((model, path))
        if self._error:
            raise self._error
        if path != METHODS["ModelInfer"].path:
            return b""
        response: bytes = METHODS["ModelInfer"].response(model_name=model, id=request_id).SerializeToString()
        return response

    def call(self, name: str, /, **fields: Any) -> Any:
        """The response of a unary call. Raises the call's error."""
        method = METHODS[name]

        async def called() -> Any:
            outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            body = frame(method.request(**fields).SerializeToString())
            self.routes.endpoints()[method.path].start(body, b"", (), outcome.set_result, "mine")
            return await outcome

        outcome = asyncio.run(called())
        if isinstance(outcome, Exception):
            raise outcome
        assert isinstance(outcome, UnaryResponse)
        return method.response.FromString(outcome.message)

    def error(self, name: str, /, **fields: Any) -> tuple[Status, str]:
        with pytest.raises(ModelyardError) as caught:
            self.call(name, **fields)
        return status_of(caught.value)


class Sink:
    """Receives a streamed response."""

    request_id = "mine"
    full = False

    def __init__(self) -> None:
        self.written = b""
        self.ended: bytes | None = None
        self.changed = asyncio.Event()

    def write(self, data: bytes) -> None:
        self.written += data
        self.changed.set()

    def end(self, data: bytes) -> None:
        self.ended = data
        self.changed.set()

    def set_reading(self, wanted: bool) -> None:
        pass

    def messages(self, method: Method) -> list[Any]:
        chunks = self.written.partition(b"\r\n\r\n")[2]
        reader = FrameReader(b"", LIMIT * 1000)
        while chunks:
            size, _, rest = chunks.partition(b"\r\n")
            reader.feed(rest[: int(size, 16)])
            chunks = rest[int(size, 16) + 2 :]
        found = []
        while (message := reader.next()) is not None:
            found.append(method.response.FromString(message))
        return found


def stream(gateway: Gateway, method: Method, requests: list[dict[str, Any]], count: int) -> list[Any]:
    """The first `count` responses of a stream with these requests. The stream stays open."""

    async def streamed() -> list[Any]:
        sink = Sink()
        call = gateway.routes.streams()[method.path].open((), sink)
        for fields in requests:
            call.on_piece(frame(method.request(**fields).SerializeToString()))
        while len(sink.messages(method)) < count:
            sink.changed.clear()
            await asyncio.wait_for(sink.changed.wait(), 10)
        assert sink.ended is None
        call.cancel()
        return sink.messages(method)

    return asyncio.run(streamed())


@pytest.mark.parametrize(("entries", "ready"), [(MODELS, False), ([entry("iris")], True), ([], True)])
def test_the_server_is_ready_when_every_required_model_is(entries, ready):
    gateway = Gateway(entries)
    assert gateway.call("ServerReady").ready == ready
    assert gateway.call("Check").status == (SERVING if ready else NOT_SERVING)
    assert gateway.call("ServerLive").live


def test_the_server_metadata_has_the_name():
    assert Gateway().call("ServerMetadata").name == "modelyard"


@pytest.mark.parametrize(
    ("ready", "names"), [(False, ["iris", "churn", "fraud", "leavers"]), (True, ["iris", "leavers"])]
)
def test_the_repository_index_can_be_limited_to_ready_models(ready, names):
    index = Gateway().call("RepositoryIndex", ready=ready)
    assert [model.name for model in index.models] == names


@pytest.mark.parametrize(
    ("method", "fields", "status", "text"),
    [
        ("RepositoryModelLoad", {"model_name": "irsi"}, Status.NOT_FOUND, "did you mean 'iris'"),
        ("RepositoryModelLoad", {"model_name": "churn"}, Status.UNAVAILABLE, "is LOADING"),
        (
            "RepositoryModelLoad",
            {"model_name": "iris", "parameters": {"config": {"string_param": "{}"}}},
            Status.UNIMPLEMENTED,
            "change iris.yaml",
        ),
        ("RepositoryModelUnload", {"model_name": "iris"}, Status.UNIMPLEMENTED, "remove iris.yaml"),
        ("RepositoryModelUnload", {"model_name": "irsi"}, Status.NOT_FOUND, "did you mean 'iris'"),
        ("SystemSharedMemoryRegister", {"name": "r"}, Status.UNIMPLEMENTED, "shared memory"),
        ("CudaSharedMemoryRegister", {"name": "r"}, Status.UNIMPLEMENTED, "shared memory"),
        ("SystemSharedMemoryStatus", {"name": "r"}, Status.NOT_FOUND, "no shared memory region"),
        ("TraceSetting", {}, Status.UNIMPLEMENTED, "tracing"),
        ("LogSettings", {}, Status.UNIMPLEMENTED, "log settings"),
        ("Check", {"service": "irsi"}, Status.NOT_FOUND, "no service or model 'irsi'"),
        ("ModelInfer", {"model_name": "irsi"}, Status.NOT_FOUND, "did you mean 'iris'"),
        ("ModelInfer", {"model_name": "churn"}, Status.UNAVAILABLE, "is LOADING"),
        ("ModelInfer", {"model_name": "fraud"}, Status.UNAVAILABLE, "there is no folder fraud"),
        ("ModelMetadata", {"name": "fraud"}, Status.UNAVAILABLE, "there is no folder fraud"),
        ("ModelReady", {"name": ""}, Status.NOT_FOUND, "Request for unknown model: ''"),
    ],
)
def test_a_rejected_call_has_the_reason(method, fields, status, text):
    actual, message = Gateway().error(method, **fields)
    assert (actual, text in message) == (status, True), message


@pytest.mark.parametrize(
    "method",
    [
        "RepositoryModelLoad",
        "SystemSharedMemoryStatus",
        "SystemSharedMemoryUnregister",
        "CudaSharedMemoryStatus",
        "CudaSharedMemoryUnregister",
    ],
)
def test_a_call_that_has_nothing_to_do_succeeds(method):
    fields = {"model_name": "iris"} if method == "RepositoryModelLoad" else {}
    assert Gateway().call(method, **fields) == METHODS[method].response()


def test_a_model_of_a_pool_is_loaded_and_evicted():
    gateway = Gateway([pooled_entry("a", "COLD")])
    for method in ("RepositoryModelLoad", "RepositoryModelUnload"):
        assert gateway.call(method, model_name="a") == METHODS[method].response()
    assert gateway.changes == [("_pool.small", "a", "load"), ("_pool.small", "a", "evict")]


def test_the_error_of_a_pool_is_that_of_the_call():
    gateway = Gateway([pooled_entry("a", "COLD")], error=ModelNotReady("model 'a' is UNAVAILABLE: no such file"))
    status, message = gateway.error("RepositoryModelLoad", model_name="a")
    assert (status, message) == (
        Status.UNAVAILABLE,
        "failed to load 'a': model 'a' is UNAVAILABLE: no such file",
    )


def test_the_readiness_of_a_model_that_is_not_ready_is_false_and_not_an_error():
    assert not Gateway().call("ModelReady", name="churn").ready


@pytest.mark.parametrize("version", ["", "1"])
def test_the_statistics_of_one_model_have_only_that_model(version: str):
    (statistics,) = Gateway().call("ModelStatistics", name="iris", version=version).model_stats
    assert (statistics.name, statistics.version, statistics.inference_count) == ("iris", "1", 0)


def test_the_statistics_of_an_unknown_version_are_not_found():
    assert Gateway().error("ModelStatistics", name="iris", version="7")[0] == Status.NOT_FOUND


def test_the_statistics_of_all_models_have_those_that_are_ready():
    assert [each.name for each in Gateway().call("ModelStatistics").model_stats] == ["iris", "leavers"]


@pytest.mark.parametrize("method", ["ModelInfer", "ModelReady", "ModelMetadata", "ModelConfig"])
def test_a_call_that_the_edge_could_not_route_is_forwarded_to_a_replica(method):
    gateway = Gateway()
    gateway.call(method, **{"model_name" if method == "ModelInfer" else "name": "leavers"})
    assert gateway.forwarded == [("leavers", METHODS[method].path)]


def test_the_error_of_a_replica_is_returned():
    gateway = Gateway(error=Overloaded("the queue is full"))
    assert gateway.error("ModelInfer", model_name="iris")[0] == Status.RESOURCE_EXHAUSTED


def test_a_message_that_a_replica_forwards_for_another_model_is_handled_like_a_call():
    gateway, method = Gateway(), METHODS["ModelInfer"]

    def forward(name: str) -> Any:
        message = method.request(model_name=name).SerializeToString()
        return method.response.FromString(asyncio.run(gateway.routes.forwarder.forward(method.path, message, "mine")))

    assert forward("leavers").model_name == "leavers"
    with pytest.raises(ModelNotFound, match="did you mean 'iris'"):
        forward("irsi")


def test_a_stream_can_have_messages_for_several_models():
    method = METHODS["ModelStreamInfer"]
    requests = [{"model_name": name, "id": name} for name in ("iris", "irsi", "leavers")]
    first, wrong, last = stream(Gateway(), method, requests, 3)
    assert (first.infer_response.model_name, last.infer_response.model_name) == ("iris", "leavers")
    assert ("did you mean 'iris'" in wrong.error_message, wrong.infer_response.id) == (True, "irsi")


@pytest.mark.parametrize(
    ("service", "status"),
    [("iris", SERVING), ("churn", NOT_SERVING), ("irsi", SERVICE_UNKNOWN), ("", NOT_SERVING), (INFERENCE, NOT_SERVING)],
)
def test_watch_sends_the_current_status_at_once(service, status):
    assert [response.status for response in stream(Gateway(), METHODS["Watch"], [{"service": service}], 1)] == [status]


def test_watch_sends_a_change():
    gateway = Gateway([entry("iris", "LOADING")])

    async def watched() -> list[int]:
        sink = Sink()
        call = gateway.routes.streams()[METHODS["Watch"].path].open((), sink)
        call.on_piece(frame(METHODS["Watch"].request(service="iris").SerializeToString()))
        while len(responses := sink.messages(METHODS["Watch"])) < 2:
            sink.changed.clear()
            await asyncio.wait_for(sink.changed.wait(), 10)
            gateway.entries = [entry("iris")]
        call.cancel()
        return [each.status for each in responses]

    assert asyncio.run(watched()) == [NOT_SERVING, SERVING]


def test_watch_ends_when_the_gateway_stops():
    async def watched() -> bytes | None:
        sink = Sink()
        call = Gateway().routes.streams()[METHODS["Watch"].path].open((), sink)
        call.on_piece(frame(METHODS["Watch"].request(service="iris").SerializeToString()))
        call.on_shutdown()
        return sink.ended

    ended = asyncio.run(watched())
    assert ended is not None
    assert b"grpc-status: 14" in ended


def reflected(**fields: Any) -> Any:
    (response,) = stream(Gateway(), REFLECT, [fields], 1)
    return response


def test_reflection_lists_the_services():
    services = [service.name for service in reflected(list_services="*").list_services_response.service]
    assert services == [INFERENCE, HEALTH, "grpc.reflection.v1.ServerReflection"]


def test_reflection_returns_a_file_with_its_imports():
    by_symbol = reflected(file_containing_symbol=INFERENCE).file_descriptor_response.file_descriptor_proto
    by_name = reflected(file_by_filename="inference.proto").file_descriptor_response.file_descriptor_proto
    assert list(by_symbol) == list(by_name)
    assert len(by_name) == 2


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"file_containing_symbol": "no.such.Symbol"}, Status.NOT_FOUND),
        ({"file_by_filename": "no_such.proto"}, Status.NOT_FOUND),
        ({"all_extension_numbers_of_type": INFERENCE}, Status.UNIMPLEMENTED),
        ({}, Status.UNIMPLEMENTED),
    ],
)
def test_an_unknown_symbol_is_an_error_inside_the_stream(request_, status):
    assert reflected(**request_).error_response.error_code == status


def test_reflection_has_its_v1alpha_name_too():
    assert {REFLECT.path, V1ALPHA_METHOD.path} <= Gateway().routes.streams().keys()
    assert V1ALPHA_METHOD.path == b"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


def test_every_method_of_every_service_has_an_endpoint():
    routes = Gateway().routes
    assert {method.path for method in METHODS.values()} <= {*routes.endpoints(), *routes.streams()}


def test_an_error_of_the_catalogue_fails_the_call():
    gateway = Gateway()

    async def get_broken_entries() -> Mapping[str, ModelEntry]:
        raise ModelNotFound("gone")

    gateway.routes = gateway.make_routes(get_broken_entries)
    assert gateway.error("ServerReady") == (Status.NOT_FOUND, "gone")

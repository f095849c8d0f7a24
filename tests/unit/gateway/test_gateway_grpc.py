"""gRPC at the gateway: calls through its endpoints, with a catalogue and a replica of the test's own."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from modelyard.errors import ModelNotFound, ModelyardError, Overloaded
from modelyard.gateway.catalogue import Entry
from modelyard.gateway.grpc.routes import GrpcRoutes
from modelyard.gateway.statistics import Statistics
from modelyard.protocols.grpc.frames import FrameReader, frame
from modelyard.protocols.grpc.messages import HEALTH, INFERENCE, Method, methods
from modelyard.protocols.grpc.reflection import METHOD as REFLECT
from modelyard.protocols.grpc.reflection import V1ALPHA_METHOD
from modelyard.protocols.grpc.status import Status, status_of
from modelyard.protocols.grpc.unary import UnaryResponse
from tests.unit.gateway.gate import LIMIT, MODELS, counted, entry

METHODS = {**methods(INFERENCE), **methods(HEALTH)}
SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3


class Gate:
    """The gateway's gRPC, and what it asks of replicas."""

    def __init__(self, entries: list[Entry] = MODELS, error: ModelyardError | None = None) -> None:
        self.entries = entries
        self.asked: list[tuple[str, bytes]] = []
        """Model and path of each call that was passed on."""
        self._error = error
        self.routes = GrpcRoutes(self._look, Statistics(counted), self._ask, limit_bytes=LIMIT)

    async def _look(self) -> Mapping[str, Entry]:
        return {entry.name: entry for entry in self.entries}

    async def _ask(self, model: str, path: bytes, message: bytes, request_id: str) -> bytes:
        self.asked.append((model, path))
        if self._error:
            raise self._error
        if path != METHODS["ModelInfer"].path:
            return b""
        answer: bytes = METHODS["ModelInfer"].response(model_name=model, id=request_id).SerializeToString()
        return answer

    def call(self, name: str, /, **fields: Any) -> Any:
        """The response. Raises the call's error."""
        method = METHODS[name]

        async def called() -> Any:
            outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            body = frame(method.request(**fields).SerializeToString())
            self.routes.hot()[method.path].start(body, b"", (), outcome.set_result, "mine")
            return await outcome

        outcome = asyncio.run(called())
        if isinstance(outcome, Exception):
            raise outcome
        assert isinstance(outcome, UnaryResponse)
        return method.response.FromString(outcome.message)

    def refusal(self, name: str, /, **fields: Any) -> tuple[Status, str]:
        with pytest.raises(ModelyardError) as caught:
            self.call(name, **fields)
        return status_of(caught.value)


class Sink:
    """Takes a streamed answer apart."""

    request_id = "mine"
    full = False

    def __init__(self) -> None:
        self.written = b""
        self.ended: bytes | None = None
        self.something = asyncio.Event()

    def write(self, data: bytes) -> None:
        self.written += data
        self.something.set()

    def end(self, data: bytes) -> None:
        self.ended = data
        self.something.set()

    def read_on(self, wanted: bool) -> None:
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


def stream(gate: Gate, method: Method, questions: list[dict[str, Any]], count: int) -> list[Any]:
    """The first so many answers of a stream with these questions, which stays open."""

    async def streamed() -> list[Any]:
        sink = Sink()
        call = gate.routes.streams()[method.path].open((), sink)
        for fields in questions:
            call.on_piece(frame(method.request(**fields).SerializeToString()))
        while len(sink.messages(method)) < count:
            sink.something.clear()
            await asyncio.wait_for(sink.something.wait(), 10)
        assert sink.ended is None
        call.cancel()
        return sink.messages(method)

    return asyncio.run(streamed())


@pytest.mark.parametrize(("entries", "ready"), [(MODELS, False), ([entry("iris")], True), ([], True)])
def test_the_server_is_ready_when_every_required_model_is(entries, ready):
    gate = Gate(entries)
    assert gate.call("ServerReady").ready == ready
    assert gate.call("Check").status == (SERVING if ready else NOT_SERVING)
    assert gate.call("ServerLive").live


def test_the_server_says_what_it_is():
    assert Gate().call("ServerMetadata").name == "modelyard"


@pytest.mark.parametrize(
    ("ready", "names"), [(False, ["iris", "churn", "fraud", "leavers"]), (True, ["iris", "leavers"])]
)
def test_the_repository_is_listed(ready, names):
    index = Gate().call("RepositoryIndex", ready=ready)
    assert [model.name for model in index.models] == names


@pytest.mark.parametrize(
    ("method", "fields", "status", "says"),
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
        ("LogSettings", {}, Status.UNIMPLEMENTED, "logs"),
        ("Check", {"service": "irsi"}, Status.NOT_FOUND, "no service or model 'irsi'"),
        ("ModelInfer", {"model_name": "irsi"}, Status.NOT_FOUND, "did you mean 'iris'"),
        ("ModelInfer", {"model_name": "churn"}, Status.UNAVAILABLE, "is LOADING"),
        ("ModelInfer", {"model_name": "fraud"}, Status.UNAVAILABLE, "there is no folder fraud"),
        ("ModelMetadata", {"name": "fraud"}, Status.UNAVAILABLE, "there is no folder fraud"),
        ("ModelReady", {"name": ""}, Status.NOT_FOUND, "Request for unknown model: ''"),
    ],
)
def test_what_cannot_be_is_refused_and_says_why(method, fields, status, says):
    got, message = Gate().refusal(method, **fields)
    assert (got, says in message) == (status, True), message


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
def test_what_is_so_already_is_fine(method):
    fields = {"model_name": "iris"} if method == "RepositoryModelLoad" else {}
    assert Gate().call(method, **fields) == METHODS[method].response()


def test_a_model_that_is_not_ready_says_so_and_no_error():
    assert not Gate().call("ModelReady", name="churn").ready


@pytest.mark.parametrize("version", ["", "1"])
def test_the_statistics_of_one_are_told_by_itself(version: str):
    (told,) = Gate().call("ModelStatistics", name="iris", version=version).model_stats
    assert (told.name, told.version, told.inference_count) == ("iris", "1", 0)


def test_the_statistics_of_a_version_that_is_not_there_are_refused():
    assert Gate().refusal("ModelStatistics", name="iris", version="7")[0] == Status.NOT_FOUND


def test_the_statistics_of_all_are_those_of_the_models_that_run():
    assert [each.name for each in Gate().call("ModelStatistics").model_stats] == ["iris", "leavers"]


@pytest.mark.parametrize("method", ["ModelInfer", "ModelReady", "ModelMetadata", "ModelConfig"])
def test_a_call_that_the_edge_could_not_route_is_passed_on_to_a_replica(method):
    gate = Gate()
    gate.call(method, **{"model_name" if method == "ModelInfer" else "name": "leavers"})
    assert gate.asked == [("leavers", METHODS[method].path)]


def test_a_replicas_error_is_passed_on():
    gate = Gate(error=Overloaded("the queue is full: 256 requests are waiting"))
    assert gate.refusal("ModelInfer", model_name="iris")[0] == Status.RESOURCE_EXHAUSTED


def test_what_a_replica_passes_on_for_another_model_is_answered_as_a_call_is():
    gate, method = Gate(), METHODS["ModelInfer"]

    def ask(name: str) -> Any:
        message = method.request(model_name=name).SerializeToString()
        return method.response.FromString(asyncio.run(gate.routes.models.ask(method.path, message, "mine")))

    assert ask("leavers").model_name == "leavers"
    with pytest.raises(ModelNotFound, match="did you mean 'iris'"):
        ask("irsi")


def test_a_stream_may_ask_several_models():
    method = METHODS["ModelStreamInfer"]
    questions = [{"model_name": name, "id": name} for name in ("iris", "irsi", "leavers")]
    first, wrong, last = stream(Gate(), method, questions, 3)
    assert (first.infer_response.model_name, last.infer_response.model_name) == ("iris", "leavers")
    assert ("did you mean 'iris'" in wrong.error_message, wrong.infer_response.id) == (True, "irsi")


@pytest.mark.parametrize(
    ("service", "status"),
    [("iris", SERVING), ("churn", NOT_SERVING), ("irsi", SERVICE_UNKNOWN), ("", NOT_SERVING), (INFERENCE, NOT_SERVING)],
)
def test_a_watcher_is_told_at_once_how_it_is(service, status):
    assert [told.status for told in stream(Gate(), METHODS["Watch"], [{"service": service}], 1)] == [status]


def test_a_watcher_is_told_of_a_change():
    gate = Gate([entry("iris", "LOADING")])

    async def watched() -> list[int]:
        sink = Sink()
        call = gate.routes.streams()[METHODS["Watch"].path].open((), sink)
        call.on_piece(frame(METHODS["Watch"].request(service="iris").SerializeToString()))
        while len(told := sink.messages(METHODS["Watch"])) < 2:
            sink.something.clear()
            await asyncio.wait_for(sink.something.wait(), 10)
            gate.entries = [entry("iris")]
        call.cancel()
        return [each.status for each in told]

    assert asyncio.run(watched()) == [NOT_SERVING, SERVING]


def test_a_watcher_is_let_go_when_the_gateway_stops():
    async def watched() -> bytes | None:
        sink = Sink()
        call = Gate().routes.streams()[METHODS["Watch"].path].open((), sink)
        call.on_piece(frame(METHODS["Watch"].request(service="iris").SerializeToString()))
        call.on_shutdown()
        return sink.ended

    ended = asyncio.run(watched())
    assert ended is not None
    assert b"grpc-status: 14" in ended


def reflected(**fields: Any) -> Any:
    (answer,) = stream(Gate(), REFLECT, [fields], 1)
    return answer


def test_the_services_are_listed():
    services = [service.name for service in reflected(list_services="*").list_services_response.service]
    assert services == [INFERENCE, HEALTH, "grpc.reflection.v1.ServerReflection"]


def test_a_file_comes_with_all_that_it_imports():
    by_symbol = reflected(file_containing_symbol=INFERENCE).file_descriptor_response.file_descriptor_proto
    by_name = reflected(file_by_filename="inference.proto").file_descriptor_response.file_descriptor_proto
    assert list(by_symbol) == list(by_name)
    assert len(by_name) == 2


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"file_containing_symbol": "no.such.Symbol"}, Status.NOT_FOUND),
        ({"file_by_filename": "no_such.proto"}, Status.NOT_FOUND),
        ({"all_extension_numbers_of_type": INFERENCE}, Status.UNIMPLEMENTED),
        ({}, Status.UNIMPLEMENTED),
    ],
)
def test_what_there_is_not_is_an_error_within_the_stream(asked, status):
    assert reflected(**asked).error_response.error_code == status


def test_older_tools_find_reflection_under_its_older_name():
    assert {REFLECT.path, V1ALPHA_METHOD.path} <= Gate().routes.streams().keys()
    assert V1ALPHA_METHOD.path == b"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


def test_every_method_of_every_service_is_answered():
    routes = Gate().routes
    assert {method.path for method in METHODS.values()} <= {*routes.hot(), *routes.streams()}


def test_an_error_of_the_catalogue_is_the_calls():
    gate = Gate()

    async def broken() -> Mapping[str, Entry]:
        raise ModelNotFound("gone")

    gate.routes = GrpcRoutes(broken, Statistics(counted), gate._ask, limit_bytes=LIMIT)
    assert gate.refusal("ServerReady") == (Status.NOT_FOUND, "gone")

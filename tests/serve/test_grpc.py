"""Stock gRPC clients against the real server, through HAProxy."""

import asyncio
import queue
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.grpc.aio
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException

from tests.serve.conftest import EXAMPLES
from tests.serve.project import Server

PATIENCE_S = 60
PAGE = (Path(__file__).parents[2] / "docs" / "protocols.md").read_text()


@pytest.fixture(scope="module")
def address(server: Server) -> str:
    return f"127.0.0.1:{server.project.grpc_port}"


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[tritonclient.grpc.InferenceServerClient]:
    with tritonclient.grpc.InferenceServerClient(address) as client:
        yield client


@pytest.fixture(scope="module")
def channel(address: str) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(address) as channel:
        yield channel


def tensor(name: str, values: Any, datatype: str = "FP64") -> tritonclient.grpc.InferInput:
    array = np.asarray(values, np.float64)
    infer_input = tritonclient.grpc.InferInput(name, list(array.shape), datatype)
    infer_input.set_data_from_numpy(array)
    return infer_input


def refused(code: str, call: Any, *arguments: Any, **options: Any) -> str:
    """The client's error message."""
    with pytest.raises(InferenceServerException) as caught:
        call(*arguments, **options)
    assert caught.value.status() == f"StatusCode.{code}"
    return str(caught.value.message())


def test_the_server_is_live_and_ready_and_returns_its_metadata(client) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    about = client.get_server_metadata()
    assert about.name == "modelyard"
    assert "binary_tensor_data" in about.extensions


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_ready_and_described(client, name) -> None:
    assert client.is_model_ready(name)
    assert client.get_model_metadata(name).name == name
    assert client.get_model_config(name, as_json=True)["config"]["name"] == name


def test_infer_returns_the_same_as_predict(server, client) -> None:
    received = client.infer("echo", [tensor("x", [1.5, -2])], request_id="mine")
    assert received.as_numpy("y").tolist() == [3, -4]
    assert (received.get_response().id, received.get_response().model_version) == ("mine", "1")
    assert server.predict("echo", {"instances": [1.5, -2]}).json()["predictions"] == [3, -4]


def test_text_goes_in_and_labels_come_out(server, client) -> None:
    metadata = client.get_model_metadata("ticket-topic")
    (infer_input,) = metadata.inputs
    sent = tritonclient.grpc.InferInput(infer_input.name, [2, 1][: len(infer_input.shape)], "BYTES")
    texts = np.array(["Please cancel my subscription", "The thermostat no longer connects to the wifi"], object)
    sent.set_data_from_numpy(texts.reshape(sent.shape()))
    labels = client.infer("ticket-topic", [sent]).as_numpy(metadata.outputs[0].name)
    assert [label.decode() for label in labels.ravel()] == ["billing", "technical"]


def test_a_model_that_is_scaled_to_zero_is_woken_by_a_call(server, client) -> None:
    assert server.replicas("dozer") == []
    assert client.infer("dozer", [tensor("x", [1.5])]).as_numpy("y").tolist() == [3]


def test_the_example_of_the_docs_works(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(import numpy as np\nimport tritonclient\.grpc\n.*?)```", PAGE, re.DOTALL)
    exec(example.replace("127.0.0.1:8001", address), {})
    assert capsys.readouterr().out == "[ 3. -4.]\n"


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compressed_messages_are_accepted(client, algorithm) -> None:
    received = client.infer("echo", [tensor("x", range(1000))], compression_algorithm=algorithm)
    assert received.as_numpy("y")[-1] == 1998


def test_a_large_tensor_goes_through(client) -> None:
    values = np.arange(80_000, dtype=np.float64)
    assert np.array_equal(client.infer("echo", [tensor("x", values)]).as_numpy("y"), values * 2)


def test_errors_have_their_status(client) -> None:
    assert "did you mean 'echo'" in refused("NOT_FOUND", client.infer, "ecko", [tensor("x", [1])])
    assert "served: 1" in refused("NOT_FOUND", client.infer, "echo", [tensor("x", [1])], model_version="7")
    assert "'X'" in refused("INVALID_ARGUMENT", client.infer, "echo", [tensor("x", [1]), tensor("X", [1])])
    assert "expected shape" in refused("INVALID_ARGUMENT", client.infer, "echo", [tensor("x", [[1, 2]])])


def test_a_clients_deadline_ends_its_call(client, server) -> None:
    refused("DEADLINE_EXCEEDED", client.infer, "slow", [tensor("seconds", [1.0])], client_timeout=0.1)


def test_the_messages_contain_the_text_that_nvidias_examples_search_for(client) -> None:
    unknown = "Request for unknown model: 'wrong_model_name' is not found"
    assert refused("NOT_FOUND", client.get_model_metadata, "wrong_model_name").startswith(unknown)
    assert refused("NOT_FOUND", client.load_model, "wrong_model_name").startswith("failed to load 'wrong_model_name'")
    overridden = refused("UNIMPLEMENTED", client.load_model, "echo", config='{"max_batch_size": "16"}')
    assert overridden.startswith("failed to load 'echo'")


def test_a_sequence_is_rejected(client) -> None:
    received = refused("INVALID_ARGUMENT", client.infer, "echo", [tensor("x", [1])], sequence_id=7, sequence_start=True)
    assert "sequences are not supported" in received


def test_mlservers_stub_reads_a_stream_in_its_own_form(channel) -> None:
    text = {"name": "text_input", "datatype": "BYTES", "shape": [1], "contents": {"bytes_contents": [b"Beautiful is"]}}
    sent = service_pb2.ModelInferRequest(model_name="zen", inputs=[text])
    # The call as in its generated stub.
    stream = channel.stream_stream(
        "/inference.GRPCInferenceService/ModelStreamInfer",
        request_serializer=service_pb2.ModelInferRequest.SerializeToString,
        response_deserializer=service_pb2.ModelInferResponse.FromString,
    )
    metadata = (("modelyard-stream-form", "mlserver"),)
    parts = list(stream(iter([sent]), metadata=metadata, timeout=PATIENCE_S))
    assert {part.model_name for part in parts} == {"zen"}
    written = b"".join(part.raw_output_contents[0][4:] for part in parts)
    assert written.decode() == " better than ugly."
    with pytest.raises(grpc.RpcError) as refused_:
        list(stream(iter([service_pb2.ModelInferRequest(model_name="zen")]), metadata=metadata, timeout=PATIENCE_S))
    assert refused_.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_a_stream_responds_in_order_and_contains_errors(client) -> None:
    responses: queue.Queue[Any] = queue.Queue()
    client.start_stream(lambda result, error: responses.put((result, error)))
    try:
        for value in range(5):
            client.async_stream_infer("echo", [tensor("x", [value])], request_id=str(value))
        client.async_stream_infer("echo", [tensor("x", [1]), tensor("wrong", [1])])
        client.async_stream_infer("echo", [tensor("x", [7])], enable_empty_final_response=True)
        got = [responses.get(timeout=PATIENCE_S) for _ in range(7)]
    finally:
        client.stop_stream()
    assert [result.as_numpy("y").tolist() for result, error in got[:5]] == [[0], [2], [4], [6], [8]]
    assert "wrong" in str(got[5][1])
    last = got[6][0].get_response()
    assert last.parameters["triton_final_response"].bool_param


def test_a_stream_uses_several_models_and_reports_an_unknown_one(client) -> None:
    responses: queue.Queue[Any] = queue.Queue()
    client.start_stream(lambda result, error: responses.put((result, error)))
    try:
        for name in ("echo", "dozer", "ecko", "echo"):
            client.async_stream_infer(name, [tensor("x", [1.5])], request_id=name)
        got = [responses.get(timeout=PATIENCE_S) for _ in range(4)]
    finally:
        client.stop_stream()
    assert "did you mean 'echo'" in str(got[2][1])
    received = [result.get_response() for result, error in got if error is None]
    assert [(each.model_name, each.id) for each in received] == [(name, name) for name in ("echo", "dozer", "echo")]


@pytest.mark.parametrize("algorithm", ["gzip"])
def test_a_compressed_stream_is_passed_on(client, algorithm) -> None:
    responses: queue.Queue[Any] = queue.Queue()
    client.start_stream(lambda result, error: responses.put((result, error)), compression_algorithm=algorithm)
    try:
        client.async_stream_infer("echo", [tensor("x", range(500))])
        result, error = responses.get(timeout=PATIENCE_S)
    finally:
        client.stop_stream()
    assert error is None
    assert result.as_numpy("y")[-1] == 998


def test_an_asyncio_client_sends_many_requests_at_once(address: str) -> None:
    async def send() -> list[list[float]]:
        async with tritonclient.grpc.aio.InferenceServerClient(address) as client:
            calls = [client.infer("echo", [tensor("x", [value])]) for value in range(50)]
            return [received.as_numpy("y").tolist() for received in await asyncio.gather(*calls)]

    assert asyncio.run(send()) == [[2.0 * value] for value in range(50)]


def test_an_asyncio_client_streams(address: str) -> None:
    async def send() -> list[list[float]]:
        async with tritonclient.grpc.aio.InferenceServerClient(address) as client:

            async def messages() -> Any:
                for value in range(5):
                    yield {"model_name": "echo", "inputs": [tensor("x", [value])]}

            return [result.as_numpy("y").tolist() async for result, _ in client.stream_infer(messages())]

    assert asyncio.run(send()) == [[2.0 * value] for value in range(5)]


def test_the_repository_is_listed_and_not_changed(client) -> None:
    index = client.get_model_repository_index()
    assert {each.name: each.state for each in index.models}["echo"] == "READY"
    client.load_model("echo")
    assert "echo.yaml" in refused("UNIMPLEMENTED", client.unload_model, "echo")
    refused("NOT_FOUND", client.load_model, "ecko")


def test_statistics_are_returned_for_one_model_and_for_all(client) -> None:
    client.infer("echo", [tensor("x", [1])])
    (one,) = client.get_inference_statistics("echo").model_stats
    assert one.inference_stats.success.count > 0
    assert {each.name for each in client.get_inference_statistics().model_stats} >= {*EXAMPLES, "echo"}


def test_unknown_models_and_versions_are_reported(client) -> None:
    assert not client.get_system_shared_memory_status().regions
    assert not client.get_cuda_shared_memory_status().regions
    client.unregister_system_shared_memory()
    client.unregister_cuda_shared_memory()
    refused("UNIMPLEMENTED", client.register_system_shared_memory, "r", "/r", 8)
    refused("UNIMPLEMENTED", client.get_trace_settings)
    refused("UNIMPLEMENTED", client.get_log_settings)


def test_the_health_service_reports_the_server_and_each_model(channel) -> None:
    health = health_pb2_grpc.HealthStub(channel)

    def check(service: str) -> int:
        status: int = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE_S).status
        return status

    for service in ("", "inference.GRPCInferenceService", "echo"):
        assert check(service) == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as caught:
        check("ecko")
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    watching = health.Watch(health_pb2.HealthCheckRequest(service="echo"), timeout=PATIENCE_S)
    assert next(watching).status == health_pb2.HealthCheckResponse.SERVING
    watching.cancel()


def test_reflection_lists_the_services_for_stock_tools(channel) -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    assert "inference.GRPCInferenceService" in database.get_services()
    service = DescriptorPool(database).FindServiceByName("inference.GRPCInferenceService")
    assert len(service.methods) == 20
    assert service.methods_by_name["ModelInfer"].input_type.fields_by_name["raw_input_contents"].number == 7


def test_an_unknown_method_is_unimplemented(channel) -> None:
    for path in ("/inference.GRPCInferenceService/ModelDance", "/no.such.Service/Method"):
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(path)(b"", timeout=PATIENCE_S)
        assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED

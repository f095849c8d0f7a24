"""Triton's HTTP client, as NVIDIA ships it, against the real server."""

import asyncio
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from tests.serve.conftest import EXAMPLES, example_body
from tests.serve.project import Server

ARRAYS = {
    "BOOL": np.array([[True, False]]),
    "INT8": np.array([[-128, 127]], np.int8),
    "INT16": np.array([[-(2**15), 2**15 - 1]], np.int16),
    "INT32": np.array([[-(2**31), 2**31 - 1]], np.int32),
    "INT64": np.array([[-(2**63), 2**63 - 1]], np.int64),
    "UINT8": np.array([[0, 255]], np.uint8),
    "UINT16": np.array([[0, 2**16 - 1]], np.uint16),
    "UINT32": np.array([[0, 2**32 - 1]], np.uint32),
    "UINT64": np.array([[0, 2**64 - 1]], np.uint64),
    "FP16": np.array([[0.5, -65504]], np.float16),
    "FP32": np.array([[0.1, 3e38]], np.float32),
    "FP64": np.array([[0.1, -1e300]], np.float64),
    "BYTES": np.array([["zwölf".encode(), b""]], np.object_),
}


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(f"127.0.0.1:{server.project.port}", concurrency=4) as one:
        yield one


def infer_input(name: str, array: Any, *, binary: bool = True) -> triton.InferInput:
    made = triton.InferInput(name, array.shape, np_to_triton_dtype(array.dtype))
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def test_the_server_and_its_models_are_live_and_ready(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert all(client.is_model_ready(name) for name in EXAMPLES)
    assert client.is_model_ready("iris", "1")
    assert not client.is_model_ready("iris", "2")
    assert not client.is_model_ready("irsi")


def test_the_server_and_its_models_return_metadata(client: triton.InferenceServerClient) -> None:
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    metadata = client.get_model_metadata("iris")
    assert (metadata["name"], metadata["versions"], metadata["platform"]) == ("iris", ["1"], "sklearn")
    assert metadata == client.get_model_metadata("iris", "1")
    assert client.get_model_config("iris")["input"][0]["data_type"] == "TYPE_FP64"
    index = {model["name"]: model for model in client.get_model_repository_index()}
    assert set(EXAMPLES) <= index.keys()
    assert index["iris"] == {"name": "iris", "version": "1", "state": "READY", "reason": ""}


@pytest.mark.parametrize("datatype", ARRAYS)
@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
def test_every_datatype_makes_a_round_trip(client: triton.InferenceServerClient, datatype: str, binary: bool) -> None:
    array = ARRAYS[datatype]
    wanted = [triton.InferRequestedOutput(datatype, binary_data=binary)]
    result = client.infer("mirror", [infer_input(datatype, array, binary=binary)], outputs=wanted)
    back = result.as_numpy(datatype)
    if datatype == "BYTES" and not binary:
        back = np.char.encode(back.astype(str)).astype(object)
    assert back.tolist() == array.tolist()
    assert back.dtype == array.dtype


def test_bf16_is_returned_as_fp32_of_the_same_value(client: triton.InferenceServerClient) -> None:
    array = np.array([[1.5, -2.0]], ml_dtypes.bfloat16)
    made = triton.InferInput("FP32", [1, 2], "BF16")
    made.set_data_from_numpy(array)
    result = client.infer("mirror", [made], outputs=[triton.InferRequestedOutput("FP32")])
    assert result.as_numpy("FP32").tolist() == [[1.5, -2.0]]


def test_several_inputs_and_all_outputs_in_one_request(client: triton.InferenceServerClient) -> None:
    result = client.infer("mirror", [infer_input(name, array) for name, array in ARRAYS.items()], request_id="seven")
    assert result.get_response()["id"] == "seven"
    for name, array in ARRAYS.items():
        assert result.as_numpy(name).tolist() == array.tolist()


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_requests_and_responses_may_be_compressed(client: triton.InferenceServerClient, coding: str) -> None:
    array = np.arange(100_000, dtype=np.float64)
    result = client.infer(
        "echo",
        [infer_input("x", array)],
        request_compression_algorithm=coding,
        response_compression_algorithm=coding,
    )
    assert np.array_equal(result.as_numpy("y"), array * 2)


def test_the_largest_scores_are_named_with_their_classes(client: triton.InferenceServerClient) -> None:
    rows = np.array([list(row.values()) for row in example_body("iris")["instances"]])  # type: ignore[index]
    name = client.get_model_metadata("iris")["inputs"][0]["name"]
    scores = client.get_model_metadata("iris")["outputs"][-1]["name"]
    result = client.infer(
        "iris", [infer_input(name, rows)], outputs=[triton.InferRequestedOutput(scores, class_count=2)]
    )
    top = result.as_numpy(scores)
    assert top.shape == (len(rows), 2)
    value, place, label = top[0][0].decode().split(":")
    assert (float(value) > 0.5, place, label) == (True, "0", "setosa")


def test_all_concurrent_requests_succeed(client: triton.InferenceServerClient) -> None:
    sent = [client.async_infer("echo", [infer_input("x", np.array([float(number)]))]) for number in range(20)]
    assert [each.get_result().as_numpy("y").tolist() for each in sent] == [[2.0 * number] for number in range(20)]


def test_statistics_count_the_requests(client: triton.InferenceServerClient) -> None:
    before = client.get_inference_statistics("echo")["model_stats"][0]["inference_count"]
    client.infer("echo", [infer_input("x", np.ones(5))])
    assert client.get_inference_statistics("echo", "1")["model_stats"][0]["inference_count"] == before + 5
    everybody = client.get_inference_statistics()["model_stats"]
    assert {"echo", "mirror"} <= {model["name"] for model in everybody}


def test_a_model_that_is_served_is_loaded_and_no_client_unloads_it(client: triton.InferenceServerClient) -> None:
    client.load_model("echo")
    for send in (lambda: client.unload_model("echo"), lambda: client.load_model("echo", config="{}")):
        with pytest.raises(InferenceServerException, match="on the server"):
            send()
    assert client.is_model_ready("echo")


def test_what_is_unknown_is_reported(client: triton.InferenceServerClient) -> None:
    assert client.get_system_shared_memory_status() == []
    assert client.get_cuda_shared_memory_status() == []
    for send in (
        lambda: client.register_system_shared_memory("r", "/r", 8),
        client.unregister_system_shared_memory,
        client.get_trace_settings,
        lambda: client.get_trace_settings("echo"),
        lambda: client.update_log_settings({"log_info": False}),
        client.get_log_settings,
    ):
        with pytest.raises(InferenceServerException, match="the server does not") as refused:
            send()
        assert refused.value.status() == "501"


@pytest.mark.parametrize(
    ("model", "version", "array", "name", "status", "message"),
    [
        ("irsi", "", np.ones(1), "x", "404", "Request for unknown model: 'irsi' is not found; did you mean 'iris'?"),
        ("echo", "9", np.ones(1), "x", "404", "has no version '9' here; served: 1"),
        ("echo", "", np.array([b"1"], object), "x", "400", "expected FP64, got BYTES"),
        ("echo", "", np.ones((1, 2)), "x", "400", "expected shape \\[-1\\], got \\[1, 2\\]"),
        ("echo", "", np.ones(0), "x", "400", "expected at least one row"),
    ],
)
def test_an_invalid_request_is_reported_and_the_next_one_succeeds(
    client: triton.InferenceServerClient, model: str, version: str, array: Any, name: str, status: str, message: str
) -> None:
    with pytest.raises(InferenceServerException, match=message) as refused:
        client.infer(model, [infer_input(name, array)], model_version=version)
    assert refused.value.status() == status
    assert client.infer("echo", [infer_input("x", np.ones(1))]).as_numpy("y").tolist() == [2]


def test_an_unknown_input_is_rejected_beside_a_known_one(
    client: triton.InferenceServerClient,
) -> None:
    with pytest.raises(InferenceServerException, match="unknown input 'z'"):
        client.infer("echo", [infer_input("x", np.ones(1)), infer_input("z", np.ones(1))])


def test_a_sequence_is_rejected(client: triton.InferenceServerClient) -> None:
    for options in (
        {"sequence_id": 7},
        {"sequence_id": "a", "sequence_start": True},
        {"sequence_id": 7, "sequence_end": True},
    ):
        with pytest.raises(InferenceServerException, match="sequences are not supported"):
            client.infer("echo", [infer_input("x", np.ones(1))], **options)


def test_the_messages_contain_the_text_that_nvidias_examples_search_for(client: triton.InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException) as unknown:
        client.infer("wrong_model_name", [infer_input("x", np.ones(1))])
    assert unknown.value.message().startswith("Request for unknown model")
    with pytest.raises(InferenceServerException) as unloaded:
        client.load_model("wrong_model_name")
    assert "failed to load" in unloaded.value.message()


def test_the_timeout_of_a_client_applies(client: triton.InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match="no response within") as refused:
        client.infer("slow", [infer_input("seconds", np.array([0.5]))], timeout=50_000)
    assert refused.value.status() == "504"


def test_the_asynchronous_client_works(server: Server) -> None:
    async def send() -> None:
        async with triton_aio.InferenceServerClient(f"127.0.0.1:{server.project.port}") as client:
            assert await client.is_server_ready()
            assert await client.is_model_ready("echo")
            assert (await client.get_model_metadata("echo"))["name"] == "echo"
            assert (await client.get_model_config("echo"))["name"] == "echo"
            assert (await client.get_model_repository_index())[0]["state"]
            responses = await asyncio.gather(
                *(client.infer("echo", [infer_input("x", np.arange(size, dtype=float))]) for size in range(1, 9))
            )
            assert [len(response.as_numpy("y")) for response in responses] == list(range(1, 9))
            packed = await client.infer(
                "echo",
                [infer_input("x", np.arange(9000.0))],
                request_compression_algorithm="gzip",
                response_compression_algorithm="deflate",
            )
            assert packed.as_numpy("y")[-1] == 17998
            with pytest.raises(InferenceServerException, match="unknown input 'z'"):
                await client.infer("echo", [infer_input("x", np.ones(1)), infer_input("z", np.ones(1))])

    asyncio.run(send())


def test_a_body_of_kserves_client_works(server: Server) -> None:
    body = {
        "id": "4be4e82f",
        "inputs": [{"name": "x", "shape": [2], "datatype": "FP64", "parameters": {}, "data": [1.5, 2.5]}],
        "parameters": {"pre": "none"},
    }
    response = server.http.post(f"{server.url}/v2/models/echo/infer", json=body, timeout=30)
    assert response.json() == {
        "id": "4be4e82f",
        "model_name": "echo",
        "model_version": "1",
        "outputs": [{"name": "y", "shape": [2], "datatype": "FP64", "data": [3.0, 5.0]}],
    }
    assert server.get("/v2/models/echo/ready").json()["ready"] is True
    assert server.get("/v2/health/ready").json() == {"ready": True}

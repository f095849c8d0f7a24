"""Pools: many models in one process, which change while it runs; and a pool with two replicas."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import requests
import tritonclient.grpc as triton

from modelyard.edge.http_frontend import HOLD_S
from tests.serve.conftest import example_body
from tests.serve.models import ECHO, ECHO_TIMES_THREE, RAISES
from tests.serve.project import Project, Server
from tests.serve.test_changes import constant_load

ROWS = {"instances": [1.0, 2.0]}
TRUSTED = "runtime: python:model:Model\ntrusted: true\n"
LARGE = ECHO.replace("pass", "self.weights = __import__('numpy').full(5_000_000, 1.0)")
"""40 MB."""
EXAMPLES = ("iris", "diabetes", "wine-alcohol")
PATIENCE_S = 120
"""The timeout of models whose requests wait for a process: it must not pass on a busy machine."""
PROCESS = ECHO.replace('inputs["x"] * 2', 'inputs["x"] * 0 + __import__("os").getpid()')
"""Answers with the id of its process."""
SPREAD = [f"spread-{letter}" for letter in "abcdefgh"]


@pytest.fixture(scope="module")
def pools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a pool of examples, a pool of code, and a small pool, beside models with replicas of their own."""
    project = Project(tmp_path_factory.mktemp("pools"), "ray: {cpus: 8}\n")
    folder = project.root / "serve_config" / "pools"
    folder.mkdir()
    for name, memory in (("examples", "1GiB"), ("code", "1GiB"), ("small", "64MiB")):
        project.write(folder / f"{name}.yaml", f"name: {name}\nmemory: {memory}\n")
    project.write(folder / "spread.yaml", "name: spread\nmemory: 1GiB\nload: lazy\nreplicas: 2\n")
    for name in SPREAD:
        project.add_python(name, PROCESS)
        project.configure(name, f"pool: spread\n{TRUSTED}")
    for example in EXAMPLES:
        project.add_example(example, f"pooled-{example}")
        project.configure(f"pooled-{example}", f"pool: examples\nlimits: {{timeout_s: {PATIENCE_S}}}\n")
    project.add_example("iris")
    project.configure("iris")
    for name, code, pool in (("pooled-echo", ECHO, "code"), ("large-a", LARGE, "small"), ("large-b", LARGE, "small")):
        project.add_python(name, code)
        project.configure(name, f"pool: {pool}\n{TRUSTED}")
    running = Server(project)
    try:
        running.wait_up()
        yield running
    finally:
        running.stop()


def pool_replicas(server: Server) -> dict[str, list[int]]:
    """The processes of each pool."""
    return {name: server.replicas(f"_pool.{name}") for name in ("examples", "code", "small")}


def test_a_pool_has_one_process_and_each_of_its_models_answers(pools: Server) -> None:
    assert [len(pids) for pids in pool_replicas(pools).values()] == [1, 1, 1]
    for example in EXAMPLES:
        assert pools.predict(f"pooled-{example}", example_body(example)).status_code == 200
    assert pools.models()["pooled-iris"]["state"] == "READY"


def test_a_pooled_model_answers_as_the_model_alone_does_in_every_protocol(pools: Server) -> None:
    body = example_body("iris")
    alone, pooled = pools.predict("iris", body).json(), pools.predict("pooled-iris", body).json()
    assert {**pooled, "model_name": "iris"} == alone
    row = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [5.1, 3.5, 1.4, 0.2]}]}
    alone, pooled = pools.get("/v2/models/iris").json(), pools.get("/v2/models/pooled-iris").json()
    assert {**pooled, "name": "iris"} == alone
    name = alone["inputs"][0]["name"]
    row["inputs"][0]["name"] = name
    answers = [
        pools.http.post(f"{pools.url}/v2/models/{each}/infer", json=row).json() for each in ("iris", "pooled-iris")
    ]
    assert answers[0]["outputs"] == answers[1]["outputs"]
    with triton.InferenceServerClient(f"127.0.0.1:{pools.project.grpc_port}") as client:
        tensor = triton.InferInput(name, [1, 4], alone["inputs"][0]["datatype"])
        tensor.set_data_from_numpy(np.array([[5.1, 3.5, 1.4, 0.2]], triton.triton_to_np_dtype(tensor.datatype())))
        results = [client.infer(each, [tensor]) for each in ("iris", "pooled-iris")]
        for output in alone["outputs"]:
            left, right = (result.as_numpy(output["name"]) for result in results)
            assert (left == right).all()


def test_changes_of_pooled_models_start_no_process_and_lose_no_request(pools: Server) -> None:
    before = pool_replicas(pools)
    with constant_load(pools, "pooled-echo", ROWS) as seen:
        pools.project.add_python("added", ECHO)
        pools.project.configure("added", f"pool: code\nroute: /elsewhere/added\n{TRUSTED}")
        pools.wait_for(lambda: pools.http.post(f"{pools.url}/elsewhere/added/predict", json=ROWS).status_code == 200)
        pools.project.add_python("pooled-echo", ECHO_TIMES_THREE, 2)
        pools.wait_for(lambda: pools.predict("pooled-echo", ROWS).json()["predictions"] == [3.0, 6.0])
        (pools.project.models / "added.yaml").unlink()
        pools.wait_for(lambda: "added" not in pools.models())
        pools.wait_for(lambda: pools.http.post(f"{pools.url}/elsewhere/added/predict", json=ROWS).status_code == 404)
    assert {status for status, _ in seen} == {200}
    assert {predictions for _, predictions in seen} == {"[2.0, 4.0]", "[3.0, 6.0]"}
    assert pool_replicas(pools) == before


def test_a_version_that_cannot_be_loaded_gets_no_requests_and_has_its_reason_in_the_status(pools: Server) -> None:
    echo = pools.predict("pooled-echo", ROWS).json()["predictions"]
    with constant_load(pools, "pooled-echo", ROWS) as seen:
        pools.project.add_python("pooled-echo", RAISES, 9)
        pools.wait_for(lambda: "another planet" in pools.status()["pooled-echo"]["reason"])
    assert set(seen) == {(200, str(echo))}
    assert pools.status()["pooled-echo"]["state"] == "READY"


def test_models_that_do_not_fit_together_are_loaded_when_they_are_needed(pools: Server) -> None:
    for name in ("large-a", "large-b", "large-a"):
        assert pools.predict(name, ROWS).json()["predictions"] == [2.0, 4.0]
    pools.wait_for(lambda: pools.status()["large-b"]["residency"] == "COLD")
    assert pools.status()["large-a"]["residency"] == "RESIDENT"
    assert pools.status()["large-b"]["state"] == "READY"


def test_a_model_moves_out_of_a_pool_and_into_it_without_a_lost_request(pools: Server) -> None:
    body = example_body("diabetes")
    with constant_load(pools, "pooled-diabetes", body) as seen:
        pools.project.configure("pooled-diabetes")
        pools.wait_for(lambda: bool(pools.replicas("pooled-diabetes")))
        pools.wait_for(
            lambda: (
                pools.status()["pooled-diabetes"]["pool"] == "" and not pools.status()["pooled-diabetes"]["changing"]
            )
        )
        pools.project.configure("pooled-diabetes", "pool: examples\n")
        pools.wait_for(lambda: not pools.replicas("pooled-diabetes"))
    assert len(seen) == 1, seen
    assert {status for status, _ in seen} == {200}


def test_a_request_waits_while_the_only_replica_of_a_pool_is_replaced(pools: Server) -> None:
    body = example_body("iris")
    want = pools.predict("pooled-iris", body).json()
    pools.kill("ray::ServeReplica:_pool.examples:")
    answer = predict_patiently(pools, "pooled-iris", body)
    assert (answer.status_code, answer.json()) == (200, want)


def predict_patiently(server: Server, name: str, body: object) -> requests.Response:
    """Send one request; again only if the edge has held it for HOLD_S, because no replica has started by then."""
    while True:
        sent = time.monotonic()
        response = requests.post(f"{server.url}/models/{name}/predict", json=body, timeout=2 * PATIENCE_S)
        if response.status_code != 503 or time.monotonic() - sent < HOLD_S:
            return response


def test_each_model_of_a_pool_with_two_replicas_has_one_of_them_until_it_is_busy(pools: Server) -> None:
    pools.wait_for(lambda: len(pools.replicas("_pool.spread")) == 2)

    def process(name: str) -> int:
        return int(pools.predict(name, {"instances": [1.0]}).json()["predictions"][0])

    pools.wait_for(lambda: len({process(name) for name in SPREAD}) == 2)  # HAProxy knows both
    homes = {name: process(name) for name in SPREAD}
    assert {name: process(name) for name in SPREAD for _ in range(3)} == homes
    slow = PROCESS.replace("return", "__import__('time').sleep(0.05)\n        return")
    pools.project.add_python(SPREAD[0], slow, 2)
    pools.wait_for(lambda: pools.predict(SPREAD[0], ROWS).elapsed.total_seconds() > 0.05)
    with ThreadPoolExecutor(32) as threads:
        assert {*threads.map(process, SPREAD[:1] * 64)} == {*homes.values()}

"""Triton's statistics on a real server: sums over all replicas, in REST and gRPC, including the latest requests."""

from itertools import count
from typing import Any

import pytest
import tritonclient.grpc

from tests.serve.models import ECHO
from tests.serve.project import Server
from tests.serve.test_changes import TRUSTED

BODY = {"instances": [4, 5]}
NUMBERS = count(1)


@pytest.fixture
def pair(fresh: Server) -> tuple[Server, str]:
    """A model with two replicas that only this test uses."""
    name = f"pair-{next(NUMBERS)}"
    fresh.project.add_python(name, ECHO)
    fresh.project.configure(name, f"{TRUSTED}replicas: 2\n")
    fresh.wait_for(lambda: len(fresh.replicas(name)) == 2, what="both replicas")
    fresh.wait_for(lambda: fresh.status()[name]["state"] == "READY", what="the model")
    fresh.wait_for(lambda: fresh.responds(name, BODY), what="its replicas at the edge")
    return fresh, name


def over_rest(server: Server, name: str) -> dict[str, Any]:
    [result] = server.get(f"/v2/models/{name}/stats").json()["model_stats"]
    return {"rows": result["inference_count"], "ok": result["inference_stats"]["success"]["count"]}


def over_grpc(server: Server, name: str) -> dict[str, Any]:
    with tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{server.project.grpc_port}") as client:
        [result] = client.get_inference_statistics(name).model_stats
        [of_version] = client.get_inference_statistics(name, "1").model_stats
    assert result.inference_count == of_version.inference_count
    return {"rows": result.inference_count, "ok": result.inference_stats.success.count}


@pytest.mark.parametrize("over", [over_rest, over_grpc], ids=["REST", "gRPC"])
def test_statistics_are_of_all_replicas_and_current(pair: tuple[Server, str], over: Any) -> None:
    server, name = pair
    sent = over(server, name)["ok"]
    for _ in range(10):
        server.http.close()  # a new connection each time, so that HAProxy alternates between the replicas
        assert server.predict(name, BODY).status_code == 200
        sent += 1
        assert over(server, name) == {"rows": 2 * sent, "ok": sent}


def test_statistics_keep_what_a_killed_replica_had_counted(pair: tuple[Server, str]) -> None:
    server, name = pair
    before = over_rest(server, name)["ok"]
    for _ in range(10):
        assert server.predict(name, BODY).status_code == 200
    assert over_rest(server, name)["ok"] == before + 10
    server.kill(f"ray::ServeReplica:{name}:")
    assert over_rest(server, name)["ok"] == before + 10
    server.wait_for(lambda: server.responds(name, BODY), what="another replica")
    everybody = {each["name"]: each for each in server.get("/v2/models/stats").json()["model_stats"]}
    assert everybody[name]["inference_stats"]["success"]["count"] == before + 11


def test_statistics_wait_for_a_killed_hub_or_report_that_it_does_not_respond(pair: tuple[Server, str]) -> None:
    server, name = pair
    before = over_rest(server, name)["ok"]
    server.kill("ray::Hub")
    assert server.predict(name, BODY).status_code == 200

    def hub_responds() -> bool:
        response = server.get(f"/v2/models/{name}/stats")
        assert response.status_code == 200 or (
            response.status_code == 503 and "does not respond" in response.json()["error"]
        )
        return response.status_code == 200

    server.wait_for(hub_responds, what="the hub")
    assert over_rest(server, name)["ok"] == before + 1

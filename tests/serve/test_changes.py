"""Changes by operators to a running server."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import requests

from tests.serve.conftest import EXAMPLES
from tests.serve.models import DIES, EATS_MEMORY, ECHO, ECHO_TIMES_THREE, HANGS, RAISES, SLOW
from tests.serve.project import Server

TRUSTED = "runtime: python:model:Model\ntrusted: true\n"


@contextmanager
def constant_load(server: Server, name: str, body: object) -> Iterator[Counter[object]]:
    """Clients with one connection each and no retries: two send constantly, four pause between requests. Counts their
    responses."""
    seen: Counter[object] = Counter()
    over = threading.Event()

    def send(idle_s: float) -> None:
        with requests.Session() as http:
            http.trust_env = False
            while not over.wait(idle_s):
                try:
                    response = http.post(f"{server.url}/models/{name}/predict", json=body, timeout=60)
                except requests.RequestException as error:
                    seen[repr(error)] += 1
                else:
                    seen[(response.status_code, str(response.json().get("predictions")))] += 1

    clients = [threading.Thread(target=send, args=(idle_s,)) for idle_s in (0, 0, 0.5, 1, 2, 4)]
    for client in clients:
        client.start()
    try:
        yield seen
    finally:
        over.set()
        for client in clients:
            client.join()


@contextmanager
def states_seen(server: Server, name: str) -> Iterator[set[object]]:
    """The states that the catalogue and `/ready` report, polled as by a load balancer."""
    seen: set[object] = set()
    over = threading.Event()

    def poll() -> None:
        with requests.Session() as http:
            http.trust_env = False
            while not over.wait(0.1):
                models = http.get(f"{server.url}/models", timeout=60).json()["models"]
                seen.add(next((model["state"] for model in models if model["name"] == name), "gone"))
                seen.add(http.get(f"{server.url}/ready", timeout=60).status_code)

    poller = threading.Thread(target=poll)
    poller.start()
    try:
        yield seen
    finally:
        over.set()
        poller.join()


def test_a_model_is_added_by_its_yaml_alone_and_no_other_process_restarts(fresh: Server) -> None:
    applications = [*EXAMPLES, "_pool.small"]
    before = {name: fresh.replicas(name) for name in applications}
    fresh.project.add_python("twice", ECHO)
    fresh.project.configure("twice", TRUSTED)
    fresh.wait_for(lambda: fresh.responds("twice", {"instances": [4]}), what="the new model")
    assert fresh.predict("twice", {"instances": [4]}).json()["predictions"] == [8.0]
    assert {name: fresh.replicas(name) for name in applications} == before


def test_an_invalid_edit_is_reported_with_its_place_and_changes_nothing(fresh: Server) -> None:
    before = fresh.replicas("echo")
    echo = fresh.project.models / "echo.yaml"
    fresh.project.configure("echo", f"{TRUSTED}replcas: 2\n")
    fresh.wait_printed("echo.yaml:4:1: error: unknown key 'replcas'")
    assert "did you mean 'replicas'?" in fresh.printed()
    assert fresh.predict("echo", {"instances": [1]}).status_code == 200
    assert fresh.replicas("echo") == before
    assert echo.exists()


def test_a_new_version_takes_over_without_a_lost_request(fresh: Server) -> None:
    fresh.project.add_python("rolling", ECHO)
    fresh.project.configure("rolling", TRUSTED)
    fresh.wait_for(lambda: fresh.responds("rolling", {"instances": [4]}), what="version 1")
    fresh.wait_for(lambda: fresh.models()["rolling"]["state"] == "READY", what="READY in the catalogue")
    with constant_load(fresh, "rolling", {"instances": [4]}) as seen, states_seen(fresh, "rolling") as states:
        fresh.project.add_python("rolling", ECHO_TIMES_THREE, version=2)
        fresh.wait_for(lambda: seen[(200, "[12.0]")] > 50, what="version 2")
        # The old replica leaves while clients keep sending.
        fresh.wait_for(lambda: len(fresh.replicas("rolling")) == 1, what="the old replica to leave")
    assert seen.keys() == {(200, "[8.0]"), (200, "[12.0]")}, seen
    assert states == {"READY", 200}


def test_a_default_is_changed_and_rolled_back_in_place_under_load(fresh: Server) -> None:
    fresh.project.add_python("tried", ECHO)
    fresh.project.add_python("tried", ECHO_TIMES_THREE, version=2)
    fresh.project.configure(
        "tried", f"{TRUSTED}versions: [1, 2]\ndefault: stable\nversion_labels: {{stable: 1, next: 2}}\n"
    )
    fresh.wait_for(lambda: fresh.responds("tried", {"instances": [4]}), what="the model")

    def send(path: str) -> object:
        return fresh.http.post(f"{fresh.url}{path}", json={"instances": [4]}, timeout=60).json()["predictions"]

    assert [send(f"/models/tried{version}/predict") for version in ("", "/versions/stable", "/versions/next")] == [
        [8.0],
        [8.0],
        [12.0],
    ]
    assert send("/v1/models/tried/labels/next:predict") == [12.0]
    before = fresh.replicas("tried")
    with constant_load(fresh, "tried", {"instances": [4]}) as seen:
        fresh.project.configure("tried", f"{TRUSTED}versions: [1, 2]\nversion_labels: {{stable: 1, next: 2}}\n")
        fresh.wait_for(lambda: seen[(200, "[12.0]")] > 5, what="version 2 by default")
        done = fresh.command("rollback", "tried")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "+default: 1" in done.stdout
        assert send("/models/tried/predict") == [8.0]
    assert seen.keys() == {(200, "[8.0]"), (200, "[12.0]")}, seen
    assert fresh.replicas("tried") == before
    assert fresh.models()["tried"]["default_version"] == "1"


@pytest.mark.parametrize(
    ("name", "code", "reason"),
    [
        ("raiser", RAISES, "these weights are for another planet"),
        ("sleeper", HANGS, "load_timeout_s"),
        ("leaver", DIES, "died"),
        ("eater", EATS_MEMORY, "memory"),
    ],
)
def test_a_version_that_cannot_start_never_receives_traffic_and_is_rolled_back(
    fresh: Server, name: str, code: str, reason: str
) -> None:
    fresh.project.add_python(name, ECHO)
    fresh.project.configure(name, f"{TRUSTED}load_timeout_s: 5\nresources: {{memory: 512MiB}}\nrequired: false\n")
    fresh.wait_for(lambda: fresh.responds(name, {"instances": [4]}), what="version 1")
    with constant_load(fresh, name, {"instances": [4]}) as seen:
        fresh.project.add_python(name, code, version=2)
        fresh.wait_for(lambda: "rolled back" in fresh.models()[name].get("reason", ""), what="the rollback")
    assert seen.keys() == {(200, "[8.0]")}, seen
    result = fresh.models()[name]
    assert result["state"] == "READY"
    assert [version["version"] for version in result["versions"]] == ["1"]
    assert reason in result["reason"].lower()


def test_limits_and_batching_apply_in_place_under_load(fresh: Server) -> None:
    def configure(limits: str, batching: str) -> None:
        fresh.project.configure("limited", f"{TRUSTED}limits: {limits}\nbatching: {batching}\n")

    def largest_batch() -> int | None:
        size: int | None = fresh.get("/v2/models/limited/config").json().get("max_batch_size")
        return size

    def sleep(seconds: float) -> int:
        return fresh.predict("limited", {"instances": [seconds]}).status_code

    # The checks at load run many rows of the example in one batch.
    fresh.project.add_python("limited", SLOW.replace("[0.002, 0.003]", "[0.0, 1e-6]"))
    configure("{timeout_s: 1}", "{max_size: 64}")
    fresh.wait_for(lambda: fresh.responds("limited", {"instances": [0.001]}), what="the model")
    fresh.wait_for(lambda: largest_batch() == 64, what="the model's responses for its configuration")
    before = fresh.replicas("limited")
    with constant_load(fresh, "limited", {"instances": [0.001]}) as seen:
        configure("{queue: 100, timeout_s: 30}", "{max_size: 8, max_delay_ms: 1}")
        fresh.wait_printed("~ update limited: batching.max_delay_ms 0.0 -> 1.0; batching.max_size 64 -> 8;")
        fresh.wait_for(lambda: largest_batch() == 8, what="the smaller batches")
        configure("{queue: 100, timeout_s: 30}", "off")
        fresh.wait_for(lambda: largest_batch() == 0, what="no batches")
        configure("{queue: 100, timeout_s: 30}", "{max_size: 64}")
        fresh.wait_for(lambda: largest_batch() == 64, what="batches of 64 again")
    assert seen.keys() == {(200, "[0.001]")}, seen
    assert sleep(5.0) == 200, "a replica's first limit was 1 s, and the edge's 4 s"
    configure("{queue: 1, timeout_s: 30, body: 1000}", "{max_size: 64}")
    large = {"instances": [0.0] * 1000}
    fresh.wait_for(lambda: fresh.predict("limited", large).status_code == 413, what="the smaller limit for bodies")
    with ThreadPoolExecutor(4) as clients:
        assert 429 in clients.map(sleep, [2.0, 1.0, 1.0, 1.0])
    configure("{timeout_s: 1}", "{max_size: 64}")
    fresh.wait_for(lambda: sleep(2.0) == 504, what="the shorter timeout")
    assert fresh.replicas("limited") == before
    configure("{timeout_s: 1}", "{max_size: 128}")
    fresh.wait_printed("~ restart limited: batching.max_size 64 -> 128")
    fresh.wait_for(
        lambda: fresh.replicas("limited") not in (before, []), what="a replica that has proved larger batches"
    )


def test_a_model_that_never_started_is_unavailable_with_its_reason(fresh: Server) -> None:
    fresh.project.add_python("stillborn", RAISES)
    fresh.project.configure("stillborn", f"{TRUSTED}required: false\n")
    fresh.wait_for(
        lambda: (
            fresh.models().get("stillborn", {}).get("state") == "UNAVAILABLE"
            and "another planet" in fresh.models()["stillborn"].get("reason", "")
        ),
        what="the reason",
    )
    response = fresh.predict("stillborn", {"instances": [1]})
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) >= 1
    assert fresh.get("/ready").status_code == 200


def test_a_pickle_is_rejected_unless_it_is_trusted(fresh: Server) -> None:
    def make(folder: object) -> None:
        folder.mkdir()
        (folder / "model.pkl").write_bytes(b"cos\nsystem\n(S'touch /tmp/owned'\ntR.")

    fresh.project.publish("pickled", 1, make)
    fresh.project.configure("pickled", "required: false\n")
    fresh.wait_for(lambda: "trusted: true" in fresh.models().get("pickled", {}).get("reason", ""), what="the rejection")
    reason = fresh.models()["pickled"]["reason"]
    assert "skops" in reason
    assert "ONNX" in reason


def test_replica_counts_change_in_place(fresh: Server) -> None:
    before = fresh.replicas("echo")
    fresh.project.configure("echo", f"{TRUSTED}replicas: 2\n")
    fresh.wait_for(lambda: len(fresh.replicas("echo")) == 2, what="the second replica")
    assert set(before) < set(fresh.replicas("echo"))

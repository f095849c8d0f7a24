"""Pools under load: killed replicas, models that misbehave, a lost disk and changes. Every answer is checked."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.faults.conftest import TIMEOUT_S
from tests.faults.load import Load, Outcome, shown
from tests.faults.long_connections import calls, messages
from tests.faults.multipliers import Answers, add_multiplier, multiplies
from tests.faults.test_wild_models import WILD
from tests.serve.models import ECHO
from tests.serve.project import Project, Server

REPLICAS = {"lone": 1, "twin": 2, "lazy": 1, "wild": 1}
"""The pools."""
KINDS = ("sklearn", "onnx", "sklearn", "onnx")
"""The runtimes of the models of a pool, which are called <pool>-0 and so on."""
PATIENCE_S = 60
"""The models' timeout: longer than a busy machine takes to replace a replica."""
EVERY_S = 1 / 20
"""The pause of each client after an answer."""
TRUSTED = "runtime: python:model:Model\ntrusted: true\n"


def factor_of(pool: str, number: int) -> int:
    """Each model has another one."""
    return 3 + 2 * (len(KINDS) * [*REPLICAS].index(pool) + number)


@pytest.fixture(scope="module")
def pooled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Each test must leave it with all replicas."""
    server = Server(project_with_pools(tmp_path_factory.mktemp("pools")))
    try:
        server.wait_up()
        yield server
    finally:
        server.stop()


def project_with_pools(root: Path) -> Project:
    """Four pools and their models."""
    project = Project(root, "ray: {cpus: 8}\n")
    folder = root / "serve_config" / "pools"
    folder.mkdir()
    for pool, replicas in REPLICAS.items():
        load = "lazy" if pool == "lazy" else "eager"
        project.write(folder / f"{pool}.yaml", f"name: {pool}\nmemory: 512MiB\nreplicas: {replicas}\nload: {load}\n")
        if pool != "wild":
            for number, runtime in enumerate(KINDS):
                add_multiplier(project, f"{pool}-{number}", factor_of(pool, number), runtime)
                configure(project, f"{pool}-{number}", pool)
    for name in ("tame-0", "tame-1"):
        project.add_python(name, ECHO)
        configure(project, name, "wild", TRUSTED)
    return project


def configure(project: Project, name: str, pool: str, text: str = "", timeout_s: int = PATIENCE_S) -> None:
    """Write a model's file. Without a `pool`, the model has a replica of its own."""
    in_pool = f"pool: {pool}\n" if pool else ""
    project.configure(name, f"{in_pool}limits: {{timeout_s: {timeout_s}}}\n{text}")


@dataclass(frozen=True, slots=True)
class Clients:
    """Clients of all models of a pool, over REST, gRPC and WebSockets."""

    loads: dict[str, Load]
    channels: dict[str, Counter[str]]
    sockets: dict[str, Counter[str]]

    def are_answered(self, since: float) -> bool:
        """Whether each model has answered requests that began since then."""
        return all(load.kinds(since)["ok"] > 3 for load in self.loads.values())

    def outcomes(self) -> list[Outcome]:
        """Of all requests over REST."""
        return [each for load in self.loads.values() for each in load.outcomes]

    def slowest_s(self, since: float) -> float:
        """Duration of the slowest request over REST."""
        return max(load.slowest_s(since) for load in self.loads.values())


@contextmanager
def clients_of(server: Server, models: dict[str, Answers], *, sockets_end: bool = False) -> Iterator[Clients]:
    """Send requests to these models while the block runs. With `sockets_end`, the connections of WebSockets may end."""
    with ExitStack() as stack:
        clients = Clients({}, {}, {})
        for name, answers in models.items():
            load = Load(server.project.port, name, rate=20, clients=4, answers=answers)
            clients.loads[name] = stack.enter_context(load)
            clients.channels[name] = stack.enter_context(calls(server, name, answers, every_s=EVERY_S))
            socket = messages(server, name, answers, every_s=EVERY_S, reconnects=sockets_end)
            clients.sockets[name] = stack.enter_context(socket)
        server.wait_for(lambda: all_begun(clients), what="the first answers")
        yield clients
        time.sleep(0.5)


def all_begun(clients: Clients) -> bool:
    return clients.are_answered(0.0) and all(
        each["ok"] > 3 for each in (*clients.channels.values(), *clients.sockets.values())
    )


def answers_of(pool: str) -> dict[str, Answers]:
    """The models of a pool of multipliers."""
    return {f"{pool}-{number}": multiplies(factor_of(pool, number)) for number in range(len(KINDS))}


def replicas_of(server: Server, pool: str) -> list[int]:
    """The processes of a pool."""
    return server.replicas(f"_pool.{pool}")


def settled(server: Server, pool: str) -> None:
    """Wait until a pool has all replicas, and HAProxy has them."""
    server.wait_for(lambda: len(replicas_of(server, pool)) == REPLICAS[pool], what=f"the replicas of {pool}")
    server.wait_for(
        lambda: all(
            each["state"] == "READY" and each["replicas"] == each["replicas_wanted"]
            for each in server.status().values()
            if each["pool"] == pool
        ),
        what=f"the models of {pool}",
    )


def all_right(clients: Clients, *, no_replica: bool = False) -> None:
    """Every answer was right, and no request was lost or rejected.

    With `no_replica`, the pool was without one for a while. Requests over REST wait; one that Serve's proxy has sent to the replica
    that died gets 503 with Retry-After. gRPC calls are rejected.
    """
    outcomes = clients.outcomes()
    rejected = [each for each in outcomes if no_replica and each.kind == "503" and each.retry_after]
    assert {each.kind for each in outcomes if each not in rejected} == {"ok"}, shown(outcomes)
    for seen in clients.channels.values():
        assert {end for end in seen if not (no_replica and end.startswith("StatusCode.UNAVAILABLE"))} == {"ok"}, seen
    for seen in clients.sockets.values():
        assert set(seen) <= {"ok", "reconnected"}, seen


@pytest.mark.parametrize("pool", ["lone", "twin"])
def test_all_models_of_a_pool_answer_all_requests_when_a_replica_is_killed(pooled: Server, pool: str) -> None:
    settled(pooled, pool)
    with clients_of(pooled, answers_of(pool), sockets_end=True) as clients:
        killed = time.monotonic()
        os.kill(replicas_of(pooled, pool)[0], signal.SIGKILL)
        pooled.wait_for(lambda: clients.are_answered(killed + 0.5), what="answers of every model")
        settled(pooled, pool)
    all_right(clients, no_replica=pool == "lone")
    assert all(seen["reconnected"] <= 1 for seen in clients.sockets.values())


def test_a_model_that_ends_its_process_twice_is_in_quarantine_until_it_changes_and_its_neighbours_are_back(
    pooled: Server,
) -> None:
    settled(pooled, "wild")
    project = pooled.project
    project.add_python("deadly", WILD)
    configure(project, "deadly", "wild", f"{TRUSTED}retry: never\nrequired: false\n")
    nothing = {"instances": ["nothing"]}
    pooled.wait_for(lambda: pooled.responds("deadly", nothing), what="the model")
    with clients_of(pooled, dict.fromkeys(("tame-0", "tame-1"), Answers()), sockets_end=True) as clients:
        for _ in range(2):
            pooled.wait_for(lambda: pooled.responds("deadly", nothing), what="the model")
            before = replicas_of(pooled, "wild")
            with suppress(requests.ConnectionError):  # no other replica: the connection may be closed
                assert pooled.predict("deadly", {"instances": ["exit"]}).status_code == 503
            killed = time.monotonic()
            pooled.wait_for(lambda killed=killed: clients.are_answered(killed), what="answers of the neighbours")
            assert set(before).isdisjoint(replicas_of(pooled, "wild"))
        pooled.wait_for(lambda: pooled.status()["deadly"]["state"] == "UNAVAILABLE", what="the quarantine")
        assert "in quarantine: the process of its pool ended 2 times" in pooled.status()["deadly"]["reason"]
        rejected = pooled.predict("deadly", nothing)
        assert (rejected.status_code, "in quarantine" in rejected.json()["detail"]) == (503, True)
        assert int(rejected.headers["retry-after"]) > 0
        project.add_python("deadly", ECHO, version=2)
        pooled.wait_for(lambda: pooled.responds("deadly", {"instances": [4]}), what="the model after its change")
    remove(pooled, "deadly")
    all_right(clients, no_replica=True)


def test_a_call_that_hangs_costs_its_own_model_only_and_a_change_brings_it_back(pooled: Server) -> None:
    settled(pooled, "wild")
    project = pooled.project
    project.add_python("hangs", WILD)
    configure(project, "hangs", "wild", f"{TRUSTED}retry: never\nrequired: false\n", timeout_s=TIMEOUT_S)
    pooled.wait_for(lambda: pooled.responds("hangs", {"instances": ["nothing"]}), what="the model")
    replicas = replicas_of(pooled, "wild")
    with clients_of(pooled, dict.fromkeys(("tame-0", "tame-1"), Answers())) as clients:
        assert pooled.predict("hangs", {"instances": ["hang"]}).status_code == 504
        assert pooled.predict("hangs", {"instances": ["nothing"]}).status_code in (429, 503, 504)
        project.add_python("hangs", ECHO, version=2)
        pooled.wait_for(lambda: pooled.responds("hangs", {"instances": [4]}), what="the model after its change")
    remove(pooled, "hangs")
    all_right(clients)
    assert replicas_of(pooled, "wild") == replicas


def test_a_lost_repository_costs_the_models_that_are_not_loaded_and_they_are_back_with_it(pooled: Server) -> None:
    settled(pooled, "lazy")
    project, models = pooled.project, answers_of("lazy")
    cold = models.pop("lazy-3")
    away = project.root / "away"
    with clients_of(pooled, models) as clients:
        project.repository.rename(away)
        try:
            rejected = pooled.predict("lazy-3", cold.request(4))
            assert (rejected.status_code, "retry-after" in rejected.headers) == (503, True), rejected.text
            assert "version 1 of lazy-3 is not in the model repository" in rejected.json()["detail"]
            answered = time.monotonic()
            pooled.wait_for(lambda: clients.are_answered(answered), what="answers of the models that are loaded")
        finally:
            away.rename(project.repository)
        pooled.wait_for(lambda: pooled.responds("lazy-3", cold.request(4)), what="the model that was not loaded")
    assert cold.are_right(pooled.predict("lazy-3", cold.request(4)).json()["predictions"], 4)
    all_right(clients)


def test_versions_of_a_pooled_model_change_under_load_without_a_lost_answer_or_connection(pooled: Server) -> None:
    settled(pooled, "twin")
    name, before = "twin-1", replicas_of(pooled, "twin")
    models = answers_of("twin")
    models[name] = multiplies(factor_of("twin", 1), 101, 103)
    with clients_of(pooled, models) as clients:
        for version, factor in ((2, 101), (3, 103)):
            add_multiplier(pooled.project, name, factor, "onnx", version)
            pooled.wait_for(lambda factor=factor: answers_with(pooled, name, factor), what=f"version {version}")
    all_right(clients)
    assert replicas_of(pooled, "twin") == before


def test_a_model_moves_out_of_a_pool_and_back_under_calls_and_messages(pooled: Server) -> None:
    """Over REST: tests/serve/test_served_pools.py."""
    settled(pooled, "lone")
    name, project = "lone-0", pooled.project
    answers = answers_of("lone")[name]
    with (
        calls(pooled, name, answers) as called,
        messages(pooled, name, answers, reconnects=True) as sent,
    ):
        for pool in ("", "lone"):
            configure(project, name, pool)
            pooled.wait_for(lambda pool=pool: bool(pooled.replicas(name)) != bool(pool), what="the move")
            pooled.wait_for(lambda: not pooled.status()[name]["changing"], what="the end of the move")
            count = called["ok"], sent["ok"]
            pooled.wait_for(
                lambda count=count: called["ok"] > count[0] + 3 and sent["ok"] > count[1] + 3, what="answers afterwards"
            )
    assert set(called) == {"ok"}, called
    assert set(sent) <= {"ok", "reconnected"}, sent


def answers_with(server: Server, name: str, factor: int) -> bool:
    """Whether this factor is used in ten requests: each replica gets some."""
    answers = multiplies(factor)
    predictions = (server.predict(name, answers.request(4)).json()["predictions"] for _ in range(10))
    return all(answers.are_right(each, 4) for each in predictions)


def remove(server: Server, name: str) -> None:
    (server.project.models / f"{name}.yaml").unlink()
    server.wait_for(lambda: name not in server.models(), what="the removal")

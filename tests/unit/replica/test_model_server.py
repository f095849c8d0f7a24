"""One model in a process that may hold several: its settings, its metrics, and what is left when it is closed."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from modelyard.config.model_spec import ModelSpec
from modelyard.http.problem import HttpResponse
from modelyard.http.request import HttpRequest
from modelyard.inference.warmup import Warmup
from modelyard.inference.worker import Worker
from modelyard.protocols.codecs import codecs_of
from modelyard.protocols.decoder.job import LARGE_BYTES
from modelyard.protocols.loaded_version import LoadedVersion
from modelyard.ray_serve.application import ModelArgs, ModelSettings, RequestLogArgs
from modelyard.replica import model_server
from modelyard.replica.dispatch import Dispatch
from modelyard.replica.model_server import ModelServer, load_versions
from modelyard.repository.resolve import ServedVersion
from modelyard.repository.verified_read import ArtefactUnreadable
from modelyard.telemetry.metrics.declarations import IN_FLIGHT, LOAD_DURATION, REQUESTS
from tests.fakes import PATIENCE_S, FakeModel

BODY = b'{"instances": [[1.0]]}'
DEAR = Warmup(fixed_s=50e-3, per_row_s=1e-3, batchable=True)
"""Runs in the worker."""


def args(folder: Path, **keys: Any) -> ModelArgs:
    return ModelArgs(
        spec=ModelSpec.model_validate({"name": "m", **keys}),
        runtime="onnx",
        versions=(ServedVersion(1, "sha256:1"),),
        repository=folder,
        replicas=folder,
        request_log=RequestLogArgs(folder=folder, share=0.0, slow_s=60.0, behind_edge=False),
        tracing=None,
    )


def server(folder: Path, model: FakeModel, **keys: Any) -> ModelServer:
    """Of a model that was loaded in its worker's thread."""
    worker = Worker()
    worker.call(lambda: None).result(PATIENCE_S)
    codecs = codecs_of("m", 1, model.signature)
    loaded = LoadedVersion(ServedVersion(1, "sha256:1"), model, codecs, BODY, DEAR, 1.0, worker)
    return ModelServer(args(folder, **keys), [loaded], "replica-1")


async def predict(dispatch: Dispatch, body: bytes = BODY) -> int:
    request = HttpRequest("POST", "/models/m/predict", b"", {b"content-type": b"application/json"}, body, "r")
    return cast(HttpResponse, await dispatch.respond(request)).status


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(60):
            await test()

    asyncio.run(limited())


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0)


def model_threads() -> set[threading.Thread]:
    return {each for each in threading.enumerate() if each.name.startswith("modelyard-")}


def test_a_closed_model_leaves_no_thread_and_no_memory_even_without_garbage_collection(tmp_path: Path) -> None:
    async def test() -> None:
        before = model_threads()
        model = FakeModel()
        one = server(tmp_path, model)
        one.configure(ModelSettings.of(ModelSpec(name="m"), 1))
        endpoint = one.dispatch.http_endpoints[b"/models/m/predict"]  # as an idle connection refers to its last one
        assert await predict(one.dispatch) == 200
        assert await predict(one.dispatch, BODY + b" " * LARGE_BYTES) == 200, "by the decoder process"
        assert len(model_threads() - before) == 2
        alive = weakref.ref(model)
        del model
        await one.drained()
        one.close()
        await until(lambda: not model_threads() - before)
        assert alive() is None
        assert one.snapshot().totals.counters[(REQUESTS.name, "m", "1", "ok", "predict")] == 2
        assert endpoint

    gc.collect()
    gc.disable()
    try:
        run(test)
    finally:
        gc.enable()


def test_no_part_of_a_closed_model_is_in_a_reference_cycle(tmp_path: Path) -> None:
    async def test() -> None:
        one = server(tmp_path, FakeModel())
        one.configure(ModelSettings.of(ModelSpec(name="m"), 1))
        assert await predict(one.dispatch) == 200
        parts = [weakref.ref(each) for each in (one, one.dispatch, one.dispatch.infer)]
        await one.drained()
        one.close()
        del one
        await until(lambda: not any(part() for part in parts))

    gc.collect()
    gc.disable()
    try:
        run(test)
    finally:
        gc.enable()


class Closes(FakeModel):
    """A model that closes what it holds when it is deleted, in the thread that has made it, as SQLite requires."""

    deleted_in: ClassVar[list[threading.Thread]] = []
    may_end = threading.Event()

    def __del__(self) -> None:
        self.may_end.wait(PATIENCE_S)
        self.deleted_in.append(threading.current_thread())


def test_a_model_is_released_in_its_own_thread_and_the_event_loop_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_server, "MAX_RELEASE_S", 0.01)

    async def test() -> None:
        before = model_threads()
        one = server(tmp_path, Closes())
        assert await predict(one.dispatch) == 200
        [thread] = [each for each in model_threads() - before if each.name == "modelyard-model"]
        await one.drained()
        one.close()
        await one.released()  # it hangs
        assert Closes.deleted_in == []
        Closes.may_end.set()
        monkeypatch.setattr(model_server, "MAX_RELEASE_S", PATIENCE_S)
        await one.released()
        assert Closes.deleted_in == [thread]

    run(test)


def test_open_requests_end_on_the_old_model_before_it_is_drained(tmp_path: Path) -> None:
    async def test() -> None:
        model = FakeModel()
        one = server(tmp_path, model)
        model.hold()
        asked = asyncio.ensure_future(predict(one.dispatch))
        await asyncio.to_thread(model.entered)
        drained = asyncio.ensure_future(one.drained())
        await until(lambda: one.in_flight == 1)
        assert not drained.done()
        model.release()
        await drained
        assert await asked == 200
        one.close()

    run(test)


def test_a_body_that_is_being_decoded_is_an_open_request(tmp_path: Path) -> None:
    async def test() -> None:
        one = server(tmp_path, FakeModel())
        endpoint = one.dispatch.http_endpoints[b"/models/m/predict"]
        replies: list[Any] = []
        endpoint.start(BODY + b" " * LARGE_BYTES, b"application/json", (), replies.append, "r")
        await until(lambda: one.open_requests)
        assert one.in_flight == 0
        await one.drained()
        [reply] = replies
        assert reply.to_http_response().status == 200
        one.close()

    run(test)


def test_settings_apply_and_are_what_the_watchdog_and_the_health_check_use(tmp_path: Path) -> None:
    async def test() -> None:
        one = server(tmp_path, FakeModel())
        spec = ModelSpec.model_validate({"name": "m", "limits": {"timeout_s": 7, "queue": 3}})
        one.configure(ModelSettings.of(spec, 1))
        assert (one.spec.limits.timeout_s, one.dispatch.spec.limits.queue) == (7, 3)
        [watched] = one.watched()
        assert (watched.name, watched.limit_s) == ("version 1 of model 'm'", 12)
        assert one.stuck_call() == ""
        one.close()

    run(test)


def test_the_metrics_of_a_closed_model_have_totals_and_no_gauges(tmp_path: Path) -> None:
    async def test() -> None:
        one = server(tmp_path, FakeModel())
        assert one.snapshot().gauges[(IN_FLIGHT.name, "m", "1")] == 0
        one.close()
        closed = one.snapshot()
        assert not closed.gauges
        assert sum(closed.totals.histograms[(LOAD_DURATION.name, "m", "1")].counts) == 1

    run(test)


def test_a_load_that_fails_leaves_no_thread(tmp_path: Path) -> None:
    async def test() -> None:
        before = model_threads()
        with pytest.raises(ArtefactUnreadable, match="version 1 of m is not in the model repository"):
            await load_versions(args(tmp_path))
        await until(lambda: not model_threads() - before)

    run(test)


def test_a_snapshot_is_the_same_object_until_something_is_counted(tmp_path: Path) -> None:
    """It is then not sent again; see `Pusher`."""

    async def test() -> None:
        model = FakeModel()
        one = server(tmp_path, model)
        one.configure(ModelSettings.of(ModelSpec(name="m"), 1))

        def is_new() -> bool:
            before = one.snapshot()
            return one.snapshot() is not before

        assert not is_new()
        model.hold()
        asked = asyncio.ensure_future(predict(one.dispatch))
        seen = [one.snapshot()]
        await asyncio.to_thread(model.entered)
        await until(lambda: one.in_flight == 1)
        seen.append(one.snapshot())
        model.release()
        assert await asked == 200
        await until(lambda: one.in_flight == 0)
        seen.append(one.snapshot())
        one.configure(ModelSettings.of(ModelSpec.model_validate({"name": "m", "limits": {"queue": 7}}), 1))
        seen.append(one.snapshot())
        assert not is_new()
        one.close()
        seen.append(one.snapshot())
        assert len({id(each) for each in seen}) == len(seen)
        ok = (REQUESTS.name, "m", "1", "ok", "predict")
        assert [each.totals.counters[ok] for each in seen] == [0, 0, 1, 1, 1]

    run(test)

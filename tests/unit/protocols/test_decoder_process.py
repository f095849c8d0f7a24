"""Large bodies, decoded by a real process beside this one."""

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from modelyard.config.model_spec import Limits
from modelyard.errors import InvalidRequest, PayloadTooLarge
from modelyard.protocols.codecs import Codecs, codecs_of
from modelyard.protocols.decoder import process
from modelyard.protocols.decoder.job import LARGE_BYTES, DecodeJob
from modelyard.protocols.decoder.process import Decoder
from modelyard.tensors import FREE, Signature, TensorSpec
from tests.fakes import DOUBLER, PATIENCE_S

CLASSIFIER = Signature(
    (TensorSpec("x", "FP32", (FREE, 1)),),
    (TensorSpec("probabilities", "FP32", (FREE, 2)),),
    task="classification",
    classes=("no", "yes"),
    scores="probabilities",
)
PADDING = b" " * LARGE_BYTES
ROW = b'{"instances": [[1]]}'
INFER = b'{"id": "7", "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1]}]}'
JSON = b"application/json"


@contextlib.asynccontextmanager
async def made(signature: Signature = DOUBLER, **options: Any) -> AsyncIterator[tuple[Decoder, Codecs]]:
    codecs = codecs_of("m", 1, signature)
    options = {"limits": Limits(), **options}
    decoder = Decoder(("m", 1, signature), codecs, loop=asyncio.get_running_loop(), **options)
    yield decoder, codecs
    decoder.close()
    await until(lambda: decoder.process_id is None)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.001)


async def started(of: Decoder, decoding: DecodeJob) -> int:
    """The process that decoded the request."""
    await of.decode(decoding)
    assert of.process_id is not None
    return of.process_id


def gone(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return True
    return False


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def awaited() -> None:
        await test()

    asyncio.run(awaited())


@pytest.mark.parametrize(
    "decoding",
    [
        DecodeJob("predict.decode", ROW + PADDING, (JSON,), {"accept": b"text/csv", "probabilities": True}),
        DecodeJob("predict.decode", b"x\n1\n" + b"2.000000\n" * (LARGE_BYTES // 9 // 8) + PADDING, (b"text/csv",)),
        DecodeJob("invocations.decode", ROW + PADDING, (JSON,)),
        DecodeJob("infer.decode", INFER + PADDING, (b"",)),
        DecodeJob("generate.decode", b'{"x": [1], "id": "7"}' + PADDING),
        DecodeJob("tensorflow.predict", ROW + PADDING),
        DecodeJob("tensorflow.predict", b'{"inputs": [[1]]}' + PADDING),
        DecodeJob("tensorflow.classify", b'{"examples": [{"x": 1}]}' + PADDING),
    ],
    ids=lambda decoding: decoding.method,
)
def test_a_large_body_becomes_the_same_call_as_here(decoding: DecodeJob) -> None:
    async def test() -> None:
        async with made(CLASSIFIER) as (decoder, codecs):
            try:
                here = decoding.run(codecs)
            except InvalidRequest as error:
                with pytest.raises(InvalidRequest) as result:
                    await decoder.decode(decoding)
                assert (result.value.message, result.value.bad_values) == (error.message, error.bad_values)
                return
            there = await decoder.decode(decoding)
            assert decoder.process_id is not None
            assert type(there) is type(here)
            assert np.array_equal(there.request.inputs["x"], here.request.inputs["x"])
            codec = getattr(codecs, decoding.method.partition(".")[0])
            outputs = {"probabilities": np.array([[0.25, 0.75]], np.float32)}
            if there.request.rows == 1:
                assert codec.encode(there, outputs) == codec.encode(here, outputs)

    run(test)


def test_a_small_body_is_decoded_at_once_and_starts_no_process() -> None:
    async def test() -> None:
        async with made() as (decoder, _):
            decoding = decoder.decode(DecodeJob("predict.decode", ROW, (JSON,)))
            with pytest.raises(StopIteration) as at_once:
                decoding.send(None)
            assert at_once.value.value.request.rows == 1
            assert decoder.process_id is None

    run(test)


def test_values_that_are_not_parsed_do_not_make_a_body_large() -> None:
    assert DecodeJob("infer.decode", PADDING + b" ").is_large
    assert not DecodeJob("infer.decode", PADDING + b" ", raw_bytes=1).is_large


def test_bad_values_are_reported_with_their_places() -> None:
    async def test() -> None:
        async with made() as (decoder, _):
            with pytest.raises(InvalidRequest) as refused:
                await decoder.decode(DecodeJob("predict.decode", b'{"instances": [[1], ["a"]]}' + PADDING, (JSON,)))
            assert [bad.pointer for bad in refused.value.bad_values] == ["/instances/1/0"]

    run(test)


@pytest.mark.parametrize("rows", [b"[1]", b'["a"]'], ids=["decoded", "refused"])
def test_nothing_holds_the_body_afterwards_until_the_garbage_collector_comes(rows: bytes) -> None:
    async def test() -> None:
        async with made() as (decoder, _):
            body = b'{"instances": [' + rows + b"]}" + PADDING
            before = sys.getrefcount(body)
            gc.disable()
            try:
                with contextlib.suppress(InvalidRequest):
                    await decoder.decode(DecodeJob("predict.decode", body, (JSON,)))
                await until(lambda: sys.getrefcount(body) == before)
            finally:
                gc.enable()

    run(test)


def test_a_body_that_needs_too_much_memory_is_rejected_and_the_next_is_decoded() -> None:
    rows = b'{"instances": [' + b"[1]," * (24 * LARGE_BYTES) + b"[1]]}"

    async def test() -> None:
        async with made(limits=Limits(body=2**16)) as (decoder, _):
            with pytest.raises(PayloadTooLarge, match="needs more than the memory limit of 258 MiB"):
                await decoder.decode(DecodeJob("predict.decode", rows, (JSON,)))
            call = await decoder.decode(DecodeJob("predict.decode", ROW + PADDING, (JSON,)))
            assert call.request.rows == 1

    run(test)


def test_another_limit_for_bodies_is_that_of_the_next_process() -> None:
    rows = b'{"instances": [' + b"[1]," * (24 * LARGE_BYTES) + b"[1]]}"

    async def test() -> None:
        async with made(limits=Limits(body=2**26)) as (decoder, _):
            await decoder.decode(DecodeJob("predict.decode", ROW + PADDING, (JSON,)))
            first = decoder.process_id
            decoder.configure(Limits(body=2**26, timeout_s=3))
            await decoder.decode(DecodeJob("predict.decode", ROW + PADDING, (JSON,)))
            assert (decoder.process_id, decoder.timeout_s) == (first, 3)
            decoder.configure(Limits(body=2**16))
            with pytest.raises(PayloadTooLarge):
                await decoder.decode(DecodeJob("predict.decode", rows, (JSON,)))

    run(test)


def test_modules_with_names_of_pythons_own_do_not_reach_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numbers.py").write_text("raise ImportError('not Python\\'s')")
    monkeypatch.syspath_prepend(tmp_path)

    async def test() -> None:
        async with made() as (decoder, _):
            assert (await decoder.decode(DecodeJob("predict.decode", ROW + PADDING, (JSON,)))).request.rows == 1
            assert decoder.process_id is not None

    run(test)


@pytest.mark.parametrize("program", ["/no such program", "/bin/false"])
def test_where_no_process_starts_a_large_body_is_decoded_here(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(process.log, "warning", lambda text, *_: warnings.append(text))
    monkeypatch.setattr(sys, "executable", program)

    async def test() -> None:
        async with made() as (here, _):
            assert (await here.decode(DecodeJob("predict.decode", ROW + PADDING, (JSON,)))).request.rows == 1
            with pytest.raises(InvalidRequest):
                await here.decode(DecodeJob("predict.decode", b'{"instances": "a"}' + PADDING, (JSON,)))
            assert here.process_id is None

    run(test)
    assert len(warnings) == 2
    assert all(each.startswith("large bodies are decoded in the replica process") for each in warnings)


def test_a_process_that_died_of_a_body_is_another_for_the_next() -> None:
    async def test() -> None:
        async with made() as (decoder, _):
            decoding = DecodeJob("predict.decode", ROW + PADDING, (JSON,))
            first = await started(decoder, decoding)
            os.kill(first, signal.SIGKILL)
            with pytest.raises(PayloadTooLarge):
                await decoder.decode(decoding)
            await decoder.decode(decoding)
            assert decoder.process_id not in (None, first)

    run(test)


def test_a_waiter_that_is_cancelled_ends_the_process_that_decodes() -> None:
    async def test() -> None:
        async with made() as (decoder, _):
            decoding = DecodeJob("predict.decode", ROW + PADDING, (JSON,))
            stopped = await started(decoder, decoding)
            os.kill(stopped, signal.SIGSTOP)
            waiting = asyncio.create_task(decoder.decode(decoding))
            await until(lambda: decoder._running)
            waiting.cancel()
            await until(lambda: gone(stopped))
            assert (await decoder.decode(decoding)).request.rows == 1

    run(test)


def test_a_body_whose_client_disconnected_before_its_turn_is_never_decoded() -> None:
    async def test() -> None:
        async with made() as (decoder, _):
            decoding = DecodeJob("predict.decode", ROW + PADDING, (JSON,))
            first = await started(decoder, decoding)
            os.kill(first, signal.SIGSTOP)
            running = asyncio.create_task(decoder.decode(decoding))
            await until(lambda: decoder._running)
            # It would end the process, and fail the request that the first client waits for.
            left = asyncio.create_task(decoder.decode(DecodeJob("predict.decode", PADDING * 2, (lambda: 0,))))
            await asyncio.sleep(0)
            left.cancel()
            os.kill(first, signal.SIGCONT)
            assert (await running).request.rows == 1
            await decoder.decode(decoding)
            assert decoder.process_id == first

    run(test)


def test_a_process_that_has_nothing_to_do_ends() -> None:
    async def test() -> None:
        async with made(idle_s=0.0) as (decoder, _):
            started: list[int | None] = []
            decoding = asyncio.create_task(decoder.decode(DecodeJob("predict.decode", ROW + PADDING, (JSON,))))
            decoding.add_done_callback(lambda _: started.append(decoder.process_id))
            await decoding
            process_id = started[0]
            assert process_id is not None
            await until(lambda: gone(process_id))
            assert decoder.process_id is None

    run(test)


def test_as_many_rows_as_a_request_may_have_come_back() -> None:
    rows = orjson.dumps({"instances": [[index / 7] for index in range(100_000)]})
    assert len(rows) > LARGE_BYTES

    async def test() -> None:
        async with made() as (decoder, codecs):
            there = await decoder.decode(DecodeJob("predict.decode", rows, (JSON,)))
            here = codecs.predict.decode(rows, JSON)
            assert np.array_equal(there.request.inputs["x"], here.request.inputs["x"])

    run(test)

"""Traffic of the soak: requests by Zipf's law over all models, at a constant rate, over REST and gRPC; each answer is checked."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import grpc
import numpy as np

from benchmarks.connection import Connection
from benchmarks.pools.answers import Answer, Zipf, predicted
from benchmarks.pools.soak_answers import ABSENT, Allowed, Outcomes, is_absent, is_allowed
from modelyard.protocols.grpc.messages import ModelInferRequest, ModelInferResponse

REST_CLIENTS, GRPC_CLIENTS = 16, 4
GIVE_UP_S = 60.0
"""An answer that takes longer counts as lost."""
METHOD = "/inference.GRPCInferenceService/ModelInfer"
TYPES = {"FP32": "<f4", "FP64": "<f8"}
HTTP_STATUS = {grpc.StatusCode.NOT_FOUND: 404, grpc.StatusCode.UNAVAILABLE: 503}

Check = Callable[[str, str, Sequence[Any], Any, float], None]


class Traffic:
    """Runs in a thread while the block does."""

    def __init__(
        self,
        ports: tuple[int, int],
        answers: Sequence[Answer],
        inputs: dict[str, tuple[str, str]],
        allowed: Allowed,
        *,
        rates: tuple[float, float],
        seed: int,
    ) -> None:
        """`ports` and `rates` (requests per second) are those of REST and gRPC. `inputs` has the name and the datatype of each
        model's input."""
        self._ports, self._rates = ports, rates
        self._inputs = inputs
        self._allowed = allowed
        self._zipf = Zipf(answers, seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._begun = time.monotonic()
        self.outcomes = Outcomes()

    @property
    def ranked(self) -> list[Answer]:
        """The models, from the most popular one."""
        return self._zipf.ranked

    def __enter__(self) -> Self:
        self._begun = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, _type: type | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    async def _run(self) -> None:
        target = f"127.0.0.1:{self._ports[1]}"
        async with grpc.aio.insecure_channel(target) as channel:
            call = channel.unary_unary(
                METHOD,
                request_serializer=ModelInferRequest.SerializeToString,
                response_deserializer=ModelInferResponse.FromString,
            )
            rest = [self._rest_client(number) for number in range(REST_CLIENTS)]
            calls = [self._grpc_client(call, number) for number in range(GRPC_CLIENTS)]
            await asyncio.gather(*rest, *calls)

    async def _rest_client(self, number: int) -> None:
        connection: Connection | None = None
        period = REST_CLIENTS / self._rates[0]
        due = time.monotonic() + period * number / REST_CLIENTS
        while not self._stop.is_set():
            due = await _until(due, period)
            answer: Answer = self._zipf.draw()
            sent, begun = self._allowed.of(answer.model), time.monotonic()
            try:
                if connection is None:
                    connection = await Connection.open(self._ports[0])
                found = await asyncio.wait_for(_predict(connection, answer), GIVE_UP_S)
            except (OSError, EOFError, TimeoutError) as error:
                self._lost("REST", answer.model, repr(error))
                if connection:
                    await connection.close()
                connection = None
                continue
            self._check("REST", answer.model, sent, found, begun)
            if connection.is_over:
                connection = await connection.close()
        if connection:
            await connection.close()

    async def _grpc_client(self, call: Any, number: int) -> None:
        period = GRPC_CLIENTS / self._rates[1]
        due = time.monotonic() + period * number / GRPC_CLIENTS
        while not self._stop.is_set():
            due = await _until(due, period)
            answer: Answer = self._zipf.draw()
            sent, begun = self._allowed.of(answer.model), time.monotonic()
            try:
                found = _output(await call(self._message(answer), timeout=GIVE_UP_S), answer.model)
            except grpc.aio.AioRpcError as error:
                if not is_absent(HTTP_STATUS.get(error.code(), 0), (error.details() or "").encode()):
                    self._lost("gRPC", answer.model, f"{error.code()}: {error.details()}")
                    continue
                found = ABSENT
            self._check("gRPC", answer.model, sent, found, begun)

    def _message(self, answer: Answer) -> ModelInferRequest:
        name, datatype = self._inputs[answer.model]
        request = ModelInferRequest(model_name=answer.model)
        request.inputs.add(name=name, datatype=datatype, shape=[1, len(answer.row)])
        request.raw_input_contents.append(np.array(answer.row, dtype=TYPES[datatype]).tobytes())
        return request

    def _check(self, protocol: str, model: str, sent: Sequence[Any], found: Any, begun: float) -> None:
        received, now = self._allowed.of(model), time.monotonic()
        if isinstance(found, _Error):
            self._lost(protocol, model, found.text)
        elif not is_allowed(found, sent, received):
            text = f"{now - self._begun:.2f} s, {protocol}: {model} answered {_shown(found)}, allowed {_shown(*sent, *received)}"
            self.outcomes.problem(self.outcomes.wrong, protocol, f"{text}; sent {now - begun:.3f} s before")
        elif found is ABSENT:
            self.outcomes.absent += 1
        else:
            self.outcomes.right(protocol, int((begun - self._begun) / 60), now - begun)

    def _lost(self, protocol: str, model: str, text: str) -> None:
        details = f"{time.monotonic() - self._begun:.2f} s, {protocol}: {model}: {text}"
        self.outcomes.problem(self.outcomes.lost, f"{protocol} {text[:60]}", details)


class _Error:
    """The response of a request that failed."""

    def __init__(self, text: str) -> None:
        self.text = text


async def _until(due: float, period: float) -> float:
    """Wait until a request is due. Returns when the next one is, which is at most a second late."""
    await asyncio.sleep(max(0.0, due - time.monotonic()))
    return max(due + period, time.monotonic() - 1)


async def _predict(connection: Connection, answer: Answer) -> Any:
    """The prediction, ABSENT, or an _Error. Raises OSError and EOFError."""
    status, _, body = await connection.post(answer.path, answer.body)
    if is_absent(status, body):
        return ABSENT
    if status != 200:
        return _Error(f"{status} {_detail(body)}")
    try:
        if json.loads(body)["model_name"] != answer.model:
            return body  # the answer of another model is wrong, whatever it predicts
        return predicted(body)
    except (ValueError, LookupError):
        return body


def _detail(body: bytes) -> str:
    """What an error says."""
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, LookupError, TypeError):
        return body.decode(errors="replace")


def _output(response: ModelInferResponse, model: str) -> Any:
    """The first output, a text or a number; the response itself if it is that of another model."""
    if response.model_name != model:
        return response
    raw, datatype = response.raw_output_contents[0], response.outputs[0].datatype
    if datatype == "BYTES":
        return raw[4:].decode()
    return float(np.frombuffer(raw, dtype=TYPES[datatype])[0])


def _shown(*predictions: Any) -> str:
    texts = ("404" if each is ABSENT else str(each)[:200] for each in predictions)
    return " or ".join(dict.fromkeys(texts))


def kinds(counts: Counter[str]) -> str:
    """Counts as text."""
    return ", ".join(f"{count} {kind}" for kind, count in counts.most_common()) or "0"

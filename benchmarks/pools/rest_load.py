"""A client that sends requests at a constant rate, whatever the answers take, and measures each."""

import asyncio
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from benchmarks.connection import Connection
from benchmarks.pools.answers import Answer, is_same, predicted
from benchmarks.subject_process import SubjectError

CLIENTS = 8


class ConstantLoad:
    """Sends requests to these models in turn, while the block runs. Afterwards `seconds` has the duration of each.

    Raises SubjectError at the end of the block if an answer was wrong or missing.
    """

    def __init__(self, port: int, answers: Sequence[Answer], rate: float) -> None:
        """`rate` is requests per second of all clients together."""
        self._port = port
        self._answers = answers
        self._period_s = CLIENTS / rate
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._problems: list[str] = []
        self.seconds: list[float] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, _type: type | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        if self._problems:
            raise SubjectError(f"{len(self._problems)} requests failed, the first: {self._problems[0]}")

    async def _run(self) -> None:
        await asyncio.gather(*(self._client(number) for number in range(CLIENTS)))

    async def _client(self, number: int) -> None:
        connection = await Connection.open(self._port)
        due = time.monotonic() + self._period_s * number / CLIENTS
        while not self._stop.is_set():
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due += self._period_s
            answer = self._answers[number % len(self._answers)]
            number += CLIENTS + 1
            begun = time.monotonic()
            try:
                status, _, body = await connection.post(answer.path, answer.body)
            except (OSError, EOFError) as error:
                self._problems.append(f"{answer.model}: {error!r}")
                connection = await Connection.open(self._port)
                continue
            self.seconds.append(time.monotonic() - begun)
            if status != 200 or not is_same(predicted(body), answer.prediction):
                self._problems.append(f"{answer.model}: {status} {body.decode(errors='replace')}")
        await connection.close()

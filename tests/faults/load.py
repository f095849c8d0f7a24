"""A client that sends requests at a constant rate, checks each response, and never retries: the effect of a fault on users."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from benchmarks.connection import Connection
from tests.faults.multipliers import Answers

GIVE_UP_S = 120.0
"""A response that takes longer counts as lost."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one request."""

    begun: float
    """Time of the monotonic clock."""
    seconds: float
    kind: str
    """ok, wrong (200 with a wrong result), lost (no complete response), or the status of an error."""
    retry_after: bool = False
    """Whether an error has a Retry-After header."""


class Load:
    """Sends requests with one number to a model, by default one that doubles it, while the block runs."""

    def __init__(
        self, port: int, model: str, *, rate: float = 60.0, clients: int = 16, answers: Answers | None = None
    ) -> None:
        """`rate` is requests per second of all clients together. Each client keeps its connection open."""
        self._port = port
        self._answers = answers or Answers()
        self._path = f"/models/{model}/predict"
        self._period_s = clients / rate
        self._clients = clients
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self.outcomes: list[Outcome] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, _type: type | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def kinds(self, since: float = 0.0) -> Counter[str]:
        """Number of requests by outcome, of those that began since then."""
        return Counter(each.kind for each in list(self.outcomes) if each.begun >= since)

    def slowest_s(self, since: float = 0.0) -> float:
        """Duration of the slowest request."""
        return max((each.seconds for each in list(self.outcomes) if each.begun >= since), default=0.0)

    async def _run(self) -> None:
        await asyncio.gather(*(self._client(number) for number in range(self._clients)))

    async def _client(self, number: int) -> None:
        connection: Connection | None = None
        due = time.monotonic() + self._period_s * number / self._clients
        sent = number
        while not self._stop.is_set():
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due = max(due + self._period_s, time.monotonic() - 1)
            sent += self._clients
            begun = time.monotonic()
            try:
                if connection is None:
                    connection = await Connection.open(self._port)
                kind, retry_after = await asyncio.wait_for(self._send(connection, sent), GIVE_UP_S)
            except (OSError, EOFError, TimeoutError):
                kind, retry_after = "lost", False
            self.outcomes.append(Outcome(begun, time.monotonic() - begun, kind, retry_after))
            if connection and (connection.is_over or kind == "lost"):
                connection = await connection.close()
        if connection:
            await connection.close()

    async def _send(self, connection: Connection, number: int) -> tuple[str, bool]:
        request = json.dumps(self._answers.request(number)).encode()
        status, headers, body = await connection.post(self._path, request)
        if status != 200:
            return str(status), "retry-after" in headers
        return "ok" if self._answers.are_right(json.loads(body)["predictions"], number) else "wrong", False


def shown(outcomes: Sequence[Outcome]) -> str:
    """The outcomes of each second, as text."""
    if not outcomes:
        return "no requests"
    first = min(each.begun for each in outcomes)
    seconds: dict[int, list[Outcome]] = {}
    for each in outcomes:
        seconds.setdefault(int(each.begun - first), []).append(each)
    lines = []
    for second, these in sorted(seconds.items()):
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(each.kind for each in these).items()))
        lines.append(f"{second:4d} s: {kinds}; slowest {max(each.seconds for each in these) * 1e3:.0f} ms")
    return "\n".join(lines)

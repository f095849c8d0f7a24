"""A client process: sends requests over a fixed number of connections, and writes what it measured, window by window.

Reads lines of JSON from standard input: a job, then for each change `{"window_s": SECONDS}`. At the end of the input it sends no
further request, waits for the responses that are due, and exits. A client that disconnected instead would be counted as a
request that failed. Writes lines of JSON: the warm-up as a window, then each window, then `{"sent": COUNT}`.
"""

import asyncio
import base64
import gc
import json
import math
import os
import random
import signal
import sys
import threading
import time
from array import array
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import Any

from modelyard.cli.bench.client_request import request_bytes, tls_context
from modelyard.cli.bench.load_connection import Connection, Slot

ERROR_PAUSE_S = 0.1
"""A connection waits so long after an error, so that fast errors are no flood."""
CHECK_S = 0.25
"""How often the client looks for requests without a response."""
MAX_LIFE_S = 3600.0
"""The process ends by itself after this time."""


class Load:
    """The connections, and the counts of the current window."""

    def __init__(self, job: dict[str, Any], loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._job = job
        self._requests = cycle([request_bytes(job, body.encode()) for body in job["bodies"]])
        self._tls = tls_context(job["tls"]) if job["tls"] else None
        self._slots = [Slot(self) for _ in range(job["connections"])]
        self._rate: float | None = job["rate"]
        self._random = random.Random(job["seed"])
        self._arrivals: deque[float] = deque()
        self._idle: list[Slot] = []
        self._measuring = False
        self._stopping = False
        self._sent = 0
        self._window_s = float(job["warm_s"])
        self._peak, self._late_s = 0, 0.0
        self._writer = ThreadPoolExecutor(1)
        self._done = loop.create_future()

    async def run(self) -> None:
        """Open the connections, load until the end of the input, and wait for the last responses."""
        await asyncio.gather(*(slot.connect() for slot in self._slots))
        self._open_window(time.perf_counter())
        if self._rate is None:
            for slot in self._slots:
                slot.send(next(self._requests), time.perf_counter())
        else:
            self._idle = list(self._slots)
            self._next = time.perf_counter()
            self._arrive()
        self._watch()
        await self._done
        await self._loop.run_in_executor(self._writer, _write, {"sent": self._sent})

    def measure(self, window_s: float) -> None:
        """Begin windows of this length."""
        self._window_s, self._measuring = window_s, True
        self._open_window(time.perf_counter())

    def stop(self) -> None:
        """Send no further request."""
        self._stopping = True
        self._arrivals.clear()
        self._end_if_drained()

    def sent(self) -> None:
        """A request was written to a connection."""
        self._sent += 1
        self._count_in_flight()

    def completed(self, slot: Slot, outcome: str, due: float) -> None:
        """A request ended: with a status code, or with a kind of error."""
        now = time.perf_counter()
        if outcome == "200":
            self._latencies.append(now - due)
        else:
            self._errors[outcome] += 1
        if now >= self._closes:
            self._close_window(now)
        if self._stopping:
            self._end_if_drained()
        elif outcome != "200":
            self._loop.call_later(ERROR_PAUSE_S, self._ready, slot)
        else:
            self._ready(slot)

    async def open_connection(self, slot: Slot) -> Connection:
        """Connect. Raises OSError."""
        job = self._job
        name = job["host"] if self._tls else None
        _, connection = await self._loop.create_connection(
            lambda: Connection(slot), job["host"], job["port"], ssl=self._tls, server_hostname=name
        )
        return connection

    def _ready(self, slot: Slot) -> None:
        """Use a connection that has no request in flight."""
        if self._stopping:
            return
        if self._rate is None:
            slot.send(next(self._requests), time.perf_counter())
        elif self._arrivals:
            slot.send(next(self._requests), self._arrivals.popleft())
        else:
            self._idle.append(slot)

    def _arrive(self) -> None:
        """Begin the requests that are due, and wait for the next one. The gaps are those of independent clients (exponential)."""
        if self._stopping or self._rate is None:
            return
        now = time.perf_counter()
        self._late_s = max(self._late_s, now - self._next)
        while self._next <= now:
            # Latencies count from now: the delay of this process is not the server's.
            self._arrivals.append(now)
            self._next += self._random.expovariate(self._rate)
        while self._arrivals and self._idle:
            self._idle.pop().send(next(self._requests), self._arrivals.popleft())
        self._count_in_flight()
        self._loop.call_later(self._next - now, self._arrive)

    def _count_in_flight(self) -> None:
        waiting = len(self._arrivals)
        busy = len(self._slots) - len(self._idle) if self._rate is not None else len(self._slots)
        self._peak = max(self._peak, busy + waiting)

    def _watch(self) -> None:
        """End requests whose response is overdue, and a window in which no request ended."""
        now = time.perf_counter()
        for slot in self._slots:
            slot.give_up(now - self._job["timeout_s"])
        if now >= self._closes + self._window_s:
            self._close_window(now)
        if not self._done.done():
            self._loop.call_later(CHECK_S, self._watch)

    def _open_window(self, now: float) -> None:
        self._opened, self._closes = now, now + self._window_s
        self._latencies = array("d")
        self._errors: Counter[str] = Counter()
        self._cpu_s = time.process_time()
        self._peak, self._late_s = 0, 0.0

    def _close_window(self, now: float) -> None:
        """Report the window. Its end is the end of a request, so that the rate of a slow model is exact."""
        cpu_s = time.process_time() - self._cpu_s
        window = {
            "elapsed_s": now - self._opened,
            "latencies": base64.b64encode(self._latencies.tobytes()).decode(),
            "errors": dict(self._errors),
            "core": cpu_s / (now - self._opened),
            "peak": self._peak,
            "late_s": self._late_s,
        }
        is_warm_up = not self._measuring
        self._open_window(now)
        if is_warm_up:
            self._closes = math.inf  # until `measure`
        self._loop.run_in_executor(self._writer, _write, window)

    def _end_if_drained(self) -> None:
        if not self._done.done() and not any(slot.is_busy for slot in self._slots):
            self._done.set_result(None)


def _write(document: dict[str, Any]) -> None:
    line = json.dumps(document).encode() + b"\n"
    while line:
        line = line[os.write(1, line) :]


def _follow_input(load: Load, loop: asyncio.AbstractEventLoop) -> None:
    """Pass on the commands, in a thread of its own."""
    for line in sys.stdin:
        loop.call_soon_threadsafe(load.measure, float(json.loads(line)["window_s"]))
    loop.call_soon_threadsafe(load.stop)


async def _main() -> None:
    loop = asyncio.get_running_loop()
    load = Load(json.loads(sys.stdin.readline()), loop)
    loop.call_later(MAX_LIFE_S, load.stop)
    threading.Thread(target=_follow_input, args=(load, loop), daemon=True).start()
    await load.run()


def main() -> None:
    """Run one job."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command ends its clients
    gc.disable()  # a collection would be a pause of the client, not of the server
    try:
        import uvloop  # noqa: PLC0415 - only on Linux
    except ImportError:
        asyncio.run(_main())
    else:
        uvloop.run(_main())


if __name__ == "__main__":
    main()

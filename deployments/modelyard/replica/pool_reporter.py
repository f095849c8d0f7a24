"""Sends what a pool's models serve to the metrics hub, where the control plane and the gateway read it."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from modelyard.ray_serve.pool_report import ModelReport

DELAY_S = 0.05
"""From a change to its report, which has the changes of that time too."""
MAX_SHARE = 0.1
"""Of the time in which reports are made and sent, while models change all the time: one of a thousand models takes milliseconds."""
REPEAT_S = 5.0
"""Between two reports without a change: a hub that has been started again knows none."""

log = logging.getLogger(__name__)


class ReportSink(Protocol):
    """The receiver of reports: the hub."""

    def report_pool(self, replica: str, models: dict[str, ModelReport] | None) -> None:
        """Replace the report of this replica. May raise."""

    def renew_pool_report(self, replica: str) -> bool:
        """The last report is still right. Returns False if the hub does not have it. May raise."""


class PoolReporter:
    """Created and called on the event loop; sends from another thread."""

    def __init__(
        self,
        replica: str,
        reports: Callable[[], Mapping[str, ModelReport]],
        hub: ReportSink,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._replica = replica
        self._reports = reports
        self._hub = hub
        self._loop = loop
        self._changed = asyncio.Event()
        self._failing = False
        self._reported: dict[str, ModelReport] | None = None
        """The last report that the hub has stored."""
        self._task = loop.create_task(self._run())

    def report_soon(self) -> None:
        """Something has changed."""
        self._changed.set()

    def close(self) -> None:
        """The replica ends. Called in another thread."""
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._send(None)

    async def _run(self) -> None:
        took_s = 0.0
        while True:
            try:
                async with asyncio.timeout(REPEAT_S):
                    await self._changed.wait()
                await asyncio.sleep(max(DELAY_S, min(took_s / MAX_SHARE, REPEAT_S)))
            except TimeoutError:
                pass
            self._changed.clear()
            begun = self._loop.time()
            await asyncio.to_thread(self._send, dict(self._reports()))
            took_s = self._loop.time() - begun

    def _send(self, models: dict[str, ModelReport] | None) -> None:
        reported, self._reported = self._reported, None
        try:
            # A report of a thousand models is a hundred kilobytes.
            if models is None or models != reported or not self._hub.renew_pool_report(self._replica):
                self._hub.report_pool(self._replica, models)
            self._reported = models
        except Exception as error:  # noqa: BLE001 - serving goes on whatever the hub's failure is, and the next report tries again
            if not self._failing:
                log.warning("cannot report the models of this pool to the metrics hub (%r)", error)
            self._failing = True
        else:
            self._failing = False

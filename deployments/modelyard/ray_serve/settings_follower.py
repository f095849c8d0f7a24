"""Follows the settings that the hub has for an application."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, Protocol

from modelyard.ray_serve.live_settings import SettingsChange

RETRY_S = 0.5
"""Between two calls while the hub does not respond: Ray starts it again."""

log = logging.getLogger(__name__)


class SettingsSource(Protocol):
    """Where settings come from: the hub."""

    def settings_after(self, application: str, known: int) -> Future[SettingsChange | None]:
        """See `LiveSettings.wait_after`. May block and raise while the hub does not respond."""


class SettingsFollower:
    """Runs on the event loop that starts it, until the process ends."""

    def __init__(
        self, application: str, source: SettingsSource, apply: Callable[[dict[str, Any]], Awaitable[None]]
    ) -> None:
        """`apply` is called with all values by name; what has not changed is the same object each time."""
        self._application = application
        self._source = source
        self._apply = apply
        self._version = 0
        self._values: dict[str, Any] = {}
        self._failing = False
        self._following: asyncio.Task[None] | None = None  # the event loop refers to tasks weakly

    async def start(self) -> None:
        """Apply the current settings, when the hub has some, and then each change. Raises the error of the first `apply`."""
        await self._apply(await self._next())
        self._following = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        while True:
            values = await self._next()
            try:
                await self._apply(values)
            except Exception:
                log.exception("cannot apply the settings of %s; those of before stay", self._application)

    async def _next(self) -> dict[str, Any]:
        while True:
            try:
                future = await asyncio.to_thread(self._source.settings_after, self._application, self._version)
                change = await asyncio.wrap_future(future)
            except Exception as error:  # noqa: BLE001 - serving goes on whatever the hub's failure is
                if not self._failing:
                    log.warning("cannot read the settings of %s from the hub (%r)", self._application, error)
                self._failing = True
                await asyncio.sleep(RETRY_S)
                continue
            self._failing = False
            if change is not None:
                self._version, self._values = change.version, change.applied_to(self._values)
                return self._values

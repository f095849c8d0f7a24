"""A model of a pool, loaded or not, and a request that waits until it is loaded."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from modelyard.config.model_spec import ModelSpec
from modelyard.errors import DeadlineExceeded, ModelNotFound
from modelyard.http.endpoint import Endpoint
from modelyard.inference.service import CancelHandle
from modelyard.protocols.versions import VersionNames
from modelyard.replica.dispatch import Dispatch

T = TypeVar("T")
Load = Callable[[str], Awaitable[Dispatch]]
"""Loads the model of this name. Called for each request that waits; raises the error for that request."""
Start = Callable[[Dispatch, Callable[[Any], None]], CancelHandle | None]
"""Starts a request on the loaded model; its response or error goes to the callback."""


class PooledModel:
    """What the pool knows of one model."""

    __slots__ = ("_load", "dispatch", "names", "paths", "spec", "waiting")

    def __init__(self, spec: ModelSpec, load: Load) -> None:
        self._load = load
        self.spec = spec
        """As last configured."""
        self.names: VersionNames | None = None
        """Of the versions that are served; set before it is loaded the first time."""
        self.dispatch: Dispatch | None = None
        """None while the model is not loaded."""
        self.paths: Mapping[bytes, Endpoint] = {}
        """Its part of the fast path."""
        self.waiting = 0
        """Requests that wait until it is loaded."""

    @property
    def limit_s(self) -> float:
        """The time limit of a request."""
        return self.spec.limits.timeout_s

    async def loaded(self) -> Dispatch:
        """Wait until the model is loaded. Raises the error of `Load`."""
        if self.dispatch is not None:
            return self.dispatch
        self.waiting += 1
        try:
            loaded = await self._load(self.spec.name)
        finally:
            self.waiting -= 1
        return self.dispatch or loaded

    async def loaded_in_time(self) -> Dispatch:
        """The same. Raises DeadlineExceeded after the time limit of a request."""
        return await self.in_time(self.loaded())

    async def in_time(self, response: Awaitable[T]) -> T:
        """What `response` returns. Raises DeadlineExceeded after the time limit of a request."""
        limit_s = self.limit_s
        try:
            async with asyncio.timeout(limit_s) as limit:
                return await response
        except TimeoutError:
            if not limit.expired():
                raise
            raise no_response(limit_s) from None


class WaitingRequest:
    """A request that starts when its model is loaded. The `CancelHandle` of the wait, and then of the request.

    Both share one time limit, so that a client gets its response, or the error, when it expects it.
    """

    def __init__(
        self,
        model: PooledModel,
        start: Start,
        reply: Callable[[Any], None],
        *,
        client_limit_s: float | None = None,
        only_wait: bool = False,
    ) -> None:
        """`reply` gets the response or an error once, unless this is cancelled. `client_limit_s` is the client's own limit.

        With `only_wait`, the time limit ends with the wait: a request in parts has limits of its own.
        """
        loop = asyncio.get_running_loop()
        self._start = start
        self._reply = reply
        self._only_wait = only_wait
        self._started: CancelHandle | None = None
        limit_s = model.limit_s
        self._late = no_response(limit_s)
        if client_limit_s is not None and client_limit_s < limit_s:
            limit_s = client_limit_s
            self._late = DeadlineExceeded(f"no response within {limit_s:g} s, the timeout of the request")
        self._timer = loop.call_later(limit_s, self._on_timeout)
        self._waiting = loop.create_task(self._run(model))

    def cancel(self) -> None:
        """See `CancelHandle`."""
        self._timer.cancel()
        self._waiting.cancel()
        if self._started is not None:
            self._started.cancel()

    async def _run(self, model: PooledModel) -> None:
        try:
            dispatch = await model.loaded()
            if self._only_wait:
                self._timer.cancel()
            self._started = self._start(dispatch, self._finish)
        except Exception as error:  # noqa: BLE001 - every error becomes a response
            self._finish(error)

    def _finish(self, outcome: Any) -> None:
        self._timer.cancel()
        self._reply(outcome)

    def _on_timeout(self) -> None:
        self.cancel()
        self._reply(self._late)


def no_response(limit_s: float) -> DeadlineExceeded:
    """The error of a request that was not answered within the model's time limit."""
    return DeadlineExceeded(f"no response within {limit_s:g} s")


def no_path(path: str) -> ModelNotFound:
    """The error for a path that the model had before it was loaded again."""
    return ModelNotFound(f"there is no path {path!r}")

"""The client's own deadline, where it is shorter than the model's."""

import asyncio

from modelyard.errors import DeadlineExceeded, ModelyardError
from modelyard.inference.pending_request import Complete, InferResponse
from modelyard.inference.recorder import RequestContext
from modelyard.inference.service import CancelHandle, Service
from modelyard.tensors import InferRequest


class DeadlineLayer:
    """A service in front of another that ends a request after `context.timeout_s`, and drops it if its batch has not begun."""

    def __init__(self, inner: Service, *, timeout_s: float, loop: asyncio.AbstractEventLoop) -> None:
        """`timeout_s` is the inner service's own, and may be set again: a longer one of a client needs no timer here."""
        self._inner = inner
        self.timeout_s = timeout_s
        self._loop = loop

    def submit(self, request: InferRequest, context: RequestContext, complete: Complete) -> CancelHandle:
        """See `Service`."""
        timeout_s = context.timeout_s
        if timeout_s is None or timeout_s >= self.timeout_s:
            return self._inner.submit(request, context, complete)
        return _WithDeadline(self._inner, request, context, complete, timeout_s=timeout_s, loop=self._loop)


class _WithDeadline:
    __slots__ = ("_complete", "_completed", "_inner", "_timeout_s", "_timer")

    def __init__(
        self,
        inner: Service,
        request: InferRequest,
        context: RequestContext,
        complete: Complete,
        *,
        timeout_s: float,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._complete = complete
        self._completed = False
        self._timeout_s = timeout_s
        self._timer: asyncio.TimerHandle | None = None
        self._inner = inner.submit(request, context, self._on_result)
        if not self._completed:
            self._timer = loop.call_later(timeout_s, self._on_timeout)

    def cancel(self) -> None:
        """See `CancelHandle`."""
        if self._timer is not None:
            self._timer.cancel()
        self._inner.cancel()

    def _on_result(self, result: InferResponse | ModelyardError) -> Exception | None:
        self._completed = True
        if self._timer is not None:
            self._timer.cancel()
        return self._complete(result)

    def _on_timeout(self) -> None:
        self.cancel()
        self._complete(DeadlineExceeded(f"no response within the {self._timeout_s:g} s that the request allows"))

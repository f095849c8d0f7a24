"""What the fast lane asks of whatever answers on a hot URL. A protocol joins the lane by implementing `Endpoint`."""

from collections.abc import Callable, Sequence
from typing import Protocol

from deployments.protocols.problem import HttpAnswer

Header = tuple[bytes, bytes]
"""Lower-case name, value."""


class Made(Protocol):
    """An answer that is ready to be written."""

    def http1(self, request_id: str, more: bytes) -> bytes:
        """The whole HTTP/1.1 answer, status line to end. `more` is header lines that the connection adds, each with its end."""

    def whole(self) -> HttpAnswer:
        """The same for the ASGI path."""


Reply = Callable[[Made | Exception], None]
"""Called once, on the loop."""


class Begun(Protocol):
    """A request under way."""

    def cancel(self) -> None:
        """The client left: nobody waits for the reply."""


class Endpoint(Protocol):
    """Answers on a hot URL; one object for all connections."""

    def start(
        self, body: bytes, content_type: bytes, headers: Sequence[Header], reply: Reply, request_id: str
    ) -> Begun:
        """Begin; `reply` may be called before this returns. Raises what is wrong with the request.

        `headers` holds all of them, `content_type` (b"" where there is none) too. What is given back is cancelled if the
        client leaves. The request is recorded, whatever becomes of it (`serving.recorder`), under `request_id`.
        """

    def unread(self, error: Exception, request_id: str) -> None:
        """Record a request for this endpoint that was refused before it could be started."""

    def refusal(self, error: Exception, request_id: str, path: str) -> Made:
        """The answer for an error, in the protocol's own form."""

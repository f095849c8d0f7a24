"""The endpoint of a path whose model is not loaded."""

from collections.abc import Sequence

from modelyard.http.asgi import logged_error_response
from modelyard.http.endpoint import Header, Reply
from modelyard.http.http1 import WholeResponse
from modelyard.inference.service import CancelHandle
from modelyard.replica.dispatch import Dispatch
from modelyard.replica.pooled_model import PooledModel, WaitingRequest, no_path


class WaitingEndpoint:
    """Loads the model, then hands each request over to the model's own endpoint for the path. See `Endpoint`."""

    __slots__ = ("_model", "_path")

    def __init__(self, model: PooledModel, path: bytes) -> None:
        self._model = model
        self._path = path

    def start(
        self, body: bytes, content_type: bytes, headers: Sequence[Header], reply: Reply, request_id: str
    ) -> CancelHandle:
        """See `Endpoint`. Nothing is decoded before the model is loaded."""

        def start(dispatch: Dispatch, finish: Reply) -> CancelHandle:
            endpoint = dispatch.http_endpoints.get(self._path)
            if endpoint is None:
                raise no_path(self._path.decode())
            return endpoint.start(body, content_type, headers, finish, request_id)

        return WaitingRequest(self._model, start, reply)

    def reject(self, error: Exception, request_id: str) -> None:
        """Does nothing: a model that is not loaded has no recorder."""

    def error_response(self, error: Exception, request_id: str, path: str) -> WholeResponse:
        """See `Endpoint`."""
        return WholeResponse(logged_error_response(error, request_id, path))

"""Responses in the format of HTTP/1.1."""

from dataclasses import dataclass

from modelyard.http.problem import STATUSES, HttpResponse

CLOSE = b"connection: close\r\n"
STATUS_LINES = {
    status: b"HTTP/1.1 %d %b\r\n" % (status, title.encode()) for status, title in ((200, "OK"), *STATUSES.values())
}


@dataclass(frozen=True, slots=True)
class WholeResponse:
    """An HttpResponse as a `Response`, for any endpoint."""

    response: HttpResponse

    def to_http1(self, request_id: str, extra_headers: bytes) -> bytes:
        """See `Response`."""
        response = self.response
        return b"%b%bcontent-length: %d\r\nx-request-id: %b\r\n%b\r\n%b" % (
            STATUS_LINES[response.status],
            b"".join(b"%b: %b\r\n" % header for header in response.headers),
            len(response.body),
            request_id.encode(),
            extra_headers,
            response.body,
        )

    def to_http_response(self) -> HttpResponse:
        """See `Response`."""
        return self.response

"""Answers as HTTP/1.1 writes them. `more` is further header lines, each with its end."""

from dataclasses import dataclass

from modelyard.http.problem import STATUSES, HttpResponse

CLOSE = b"connection: close\r\n"
STATUS_LINES = {
    status: b"HTTP/1.1 %d %b\r\n" % (status, title.encode()) for status, title in ((200, "OK"), *STATUSES.values())
}


@dataclass(frozen=True, slots=True)
class WholeResponse:
    """An answer that any endpoint may give."""

    answer: HttpResponse

    def to_http1(self, request_id: str, more: bytes) -> bytes:
        """The whole answer, status line to end."""
        answer = self.answer
        return b"%b%bcontent-length: %d\r\nx-request-id: %b\r\n%b\r\n%b" % (
            STATUS_LINES[answer.status],
            b"".join(b"%b: %b\r\n" % header for header in answer.headers),
            len(answer.body),
            request_id.encode(),
            more,
            answer.body,
        )

    def to_http_response(self) -> HttpResponse:
        """What it was made of."""
        return self.answer

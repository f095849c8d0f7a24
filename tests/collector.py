"""A collector of traces: accepts OTLP over HTTP on a real socket, and stores the spans."""

import gzip
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector:
    """Listens while its context is entered."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        """As protobuf messages, in the order of arrival."""
        self.services: set[str] = set()
        self.paths: set[str] = set()
        collector = self

        class Posted(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.paths.add(self.path)
                collector.take(gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """The access log, which no test reads."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Posted)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def take(self, body: bytes) -> None:
        """One export."""
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.services |= {
                each.value.string_value for each in resource.resource.attributes if each.key == "service.name"
            }
            for scope in resource.scope_spans:
                self.spans += scope.spans

    @property
    def by_name(self) -> dict[str, Any]:
        """The spans, of which no two have one name."""
        assert len({span.name for span in self.spans}) == len(self.spans)
        return {span.name: span for span in self.spans}

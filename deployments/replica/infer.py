"""`POST /v2/models/<name>/infer` on one version: decode, submit, encode. The lane and the ASGI path both go through here."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from deployments.errors import ModelyardError
from deployments.lane.endpoint import Begun, Header, Reply
from deployments.lane.http1 import Whole
from deployments.protocols.compression import WORTH_BYTES, Coding, deflated, wanted
from deployments.protocols.http import server_timing
from deployments.protocols.oip.rest import HEADER_LENGTH, InferCall, InferCodec
from deployments.protocols.problem import HttpAnswer
from deployments.replica.deadline import Within
from deployments.serving.asgi import answer_error
from deployments.serving.recorder import Recorder
from deployments.serving.server import ModelServer
from deployments.serving.ticket import Answer

OFF_THE_LOOP_BYTES = 2**16
"""Longer answers are compressed in a thread: a millisecond, in which a loop answers many others."""
_HEADER_LENGTH = HEADER_LENGTH.lower().encode()


@dataclass(frozen=True, slots=True)
class Inferred:
    """A request's whole outcome: the body and where its time went."""

    body: bytes
    json_length: int | None
    coding: Coding | None
    timing: bytes
    """The `Server-Timing` value."""

    def http1(self, request_id: str, more: bytes) -> bytes:
        """See `endpoint.Made`."""
        return b"HTTP/1.1 200 OK\r\n%bcontent-length: %d\r\nx-request-id: %b\r\n%b\r\n%b" % (
            b"".join(b"%b: %b\r\n" % header for header in self._headers()),
            len(self.body),
            request_id.encode(),
            more,
            self.body,
        )

    def whole(self) -> HttpAnswer:
        """See `endpoint.Made`."""
        return HttpAnswer(200, self._headers(), self.body)

    def _headers(self) -> tuple[Header, ...]:
        timing = (b"server-timing", self.timing)
        coding = ((b"content-encoding", self.coding.encode()),) if self.coding else ()
        if self.json_length is None:
            return ((b"content-type", b"application/json"), timing, *coding)
        length = (_HEADER_LENGTH, b"%d" % self.json_length)
        return ((b"content-type", b"application/octet-stream"), length, timing, *coding)


class InferEndpoint:
    """Answers infer requests for one served version; on the lane it is the `Endpoint` of its hot paths."""

    def __init__(
        self, codec: InferCodec, server: ModelServer, recorder: Recorder, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.codec = codec
        self.server = server
        self._recorder = recorder
        self._loop = loop

    def start(
        self, body: bytes, content_type: bytes, headers: Sequence[Header], reply: Reply, request_id: str
    ) -> Begun:
        """See `Endpoint`. The content type is not looked at: Triton's client sends none."""
        header_length = accept = b""
        for name, value in headers:
            if name == _HEADER_LENGTH:
                header_length = value
            elif name == b"accept-encoding":
                accept = value
        origin = self.server.ledger.origin(self._recorder, request_id, len(body), headers)
        try:
            call = self.codec.decode(body, header_length)
        except Exception as error:
            self.server.ledger.refuse(origin, error)
            raise
        done = partial(self._done, call, wanted(accept) if accept else None, reply)
        if call.timeout_s is None:
            return self.server.submit(call.request, done, origin)
        return Within(self.server, call.request, done, origin, timeout_s=call.timeout_s, loop=self._loop)

    def unread(self, error: Exception, request_id: str) -> None:
        """See `Endpoint`."""
        ledger = self.server.ledger
        ledger.refuse(ledger.origin(self._recorder, request_id), error)

    def refusal(self, error: Exception, request_id: str, path: str) -> Whole:
        """An object with the member `error`."""
        return Whole(answer_error(error, request_id, path))

    def _done(
        self, call: InferCall, coding: Coding | None, reply: Reply, answer: Answer | ModelyardError
    ) -> Exception | None:
        """See `ticket.Done`."""
        if not isinstance(answer, Answer):
            reply(answer)
            return None
        try:
            encoded = self.codec.encode(call, answer.outputs)
        except Exception as error:  # noqa: BLE001 - a model's output that cannot be written is this request's alone
            reply(error)
            return error
        timing = server_timing(answer.queue_s, answer.batch_rows, answer.compute_s)
        made = Inferred(encoded.body, encoded.json_length, None, timing)
        if coding is None or len(made.body) < WORTH_BYTES:
            reply(made)
        elif len(made.body) < OFF_THE_LOOP_BYTES:
            reply(_compressed(made, coding))
        else:
            compressing = self._loop.run_in_executor(None, _compressed, made, coding)
            compressing.add_done_callback(lambda done: reply(done.result()))
        return None


def _compressed(made: Inferred, coding: Coding) -> Inferred:
    return replace(made, body=deflated(made.body, coding), coding=coding)

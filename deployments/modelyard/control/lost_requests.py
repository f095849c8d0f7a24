"""Receives HAProxy's log of lost requests (`edge.failed_request_log`), and writes them into the request logs."""

import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from modelyard.control.writes import Writes
from modelyard.edge.failed_request_log import LOG_SOCKET, MAX_LINE_BYTES, UNKNOWN_REPLICA, LostRequest, parse_log_line
from modelyard.http.request import REQUEST_ID_CHARS
from modelyard.replica_files.request_records import (
    NO_REPLICA,
    REPLICA_LOST,
    RequestRecord,
    append_lines,
    encode_record,
    request_log_path,
)

MAX_REMEMBERED = 10_000
"""Requests of replicas that may have died, until `of_replica` takes them."""
MAX_RECORDS_A_SECOND = 500
"""Records that are written; in an outage there is one for each request."""


class LostRequests:
    """Listens in its own thread after `start`."""

    def __init__(self, edge: Path, requests: Path, writes: Writes, *, now: Callable[[], float] = time.time) -> None:
        """`edge` is the folder of HAProxy's files, `requests` the folder of the request logs."""
        self._place = edge / LOG_SOCKET
        self._requests = requests
        self._writes = writes
        self._now = now
        self._lost: deque[LostRequest] = deque(maxlen=MAX_REMEMBERED)
        self._second, self._written = 0, 0

    def start(self) -> None:
        """Begin to listen. Raises OSError if the socket cannot be created."""
        self._place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._place.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listening.bind(str(self._place))
        threading.Thread(target=self._listen, args=(listening,), name="lost-requests", daemon=True).start()

    def take(self, line: bytes) -> None:
        """Handle one line of HAProxy's log."""
        lost = parse_log_line(line, REQUEST_ID_CHARS)
        if lost is None:
            return
        if lost.replica or lost.through_proxy:
            self._lost.append(lost)
        now = self._now()
        if int(now) != self._second:
            self._second, self._written = int(now), 0
        self._written += 1
        if self._written <= MAX_RECORDS_A_SECOND:
            self._write(lost)

    def of_replica(self, model: str, replica: str, running: Sequence[str]) -> tuple[str, ...]:
        """The ids of the requests that this replica had when it ended, which are forgotten then.

        `running` are the requests that the model was computing, from the replica's own file. HAProxy does not log those of them
        that it has sent to another replica; they are logged here.
        """
        mine = [
            lost
            for lost in list(self._lost)
            if lost.replica == replica
            or (lost.request_id in running and (lost.replica == UNKNOWN_REPLICA or lost.through_proxy))
        ]
        for lost in mine:
            self._lost.remove(lost)
        known = [lost.request_id for lost in mine]
        unknown = [request_id for request_id in running if request_id not in known]
        for request_id in unknown:
            self._write(LostRequest(model, request_id, "", "", replica, 0.0, 0))
        return (*unknown, *known)

    def _write(self, lost: LostRequest) -> None:
        now = self._now()
        place, line = (
            request_log_path(self._requests, lost.model),
            encode_record(lost.model, _line(lost, now), lost.replica),
        )
        self._writes.attempt(place, lambda: append_lines(place, line))

    def _listen(self, listening: socket.socket) -> None:
        while True:
            self.take(listening.recv(2 * MAX_LINE_BYTES))


def _line(lost: LostRequest, now: float) -> RequestRecord:
    outcome = REPLICA_LOST if lost.replica else NO_REPLICA
    seconds = lost.total_ms / 1e3
    return RequestRecord(
        now, lost.request_id, "", lost.protocol, "error", 0, 0.0, 0.0, seconds, 0, lost.body_bytes, lost.client, outcome
    )

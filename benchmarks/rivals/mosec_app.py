"""mosec with two worker processes: `python -m benchmarks.rivals.mosec_app --port PORT`; MODEL is the path of the model.

BATCH is the maximum number of requests in a batch; 1 disables batching. orjson reads and writes, because the default is slower.
Source: https://mosecorg.github.io/mosec/reference/interface.html
"""

import os
from typing import Any

import orjson
from mosec import Server, Worker

from benchmarks.rivals.inference import load, response_of_each

BATCH = int(os.environ.get("BATCH", "1"))
WAIT_MS = 1


class Json(Worker):
    """Requests and responses as JSON."""

    def __init__(self) -> None:
        self.model = load()

    def deserialize(self, data: bytes) -> Any:
        return orjson.loads(data)["instances"]

    def serialize(self, data: Any) -> bytes:
        return orjson.dumps(data)


class Single(Json):
    """One request at a time."""

    def forward(self, data: Any) -> Any:
        return self.model.predict(data)


class Batched(Json):
    """Several requests at a time."""

    def forward(self, data: list[Any]) -> list[Any]:
        rows = [row for instances in data for row in instances]
        return response_of_each(self.model.run(self.model.rows(rows)), [len(instances) for instances in data])


if __name__ == "__main__":
    server = Server()
    if BATCH > 1:
        server.append_worker(Batched, num=2, max_batch_size=BATCH, max_wait_time=WAIT_MS)
    else:
        server.append_worker(Single, num=2)
    server.run()

"""LitServe with two workers: `python -m benchmarks.rivals.litserve_app PORT`; MODEL is the path of the model.

Sources: https://lightning.ai/docs/litserve/api-reference/litapi and https://lightning.ai/docs/litserve/api-reference/litserver
"""

import signal
import sys
from typing import Any

import litserve

from benchmarks.rivals.inference import load


class Predictor(litserve.LitAPI):
    """One model."""

    def setup(self, device: str) -> None:
        self.model = load()

    def decode_request(self, request: dict[str, Any]) -> Any:
        return request["instances"]

    def predict(self, x: Any) -> dict[str, Any]:
        return self.model.predict(x)

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        return output


if __name__ == "__main__":
    signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # LitServe stops its processes after Ctrl-C, not after SIGTERM
    server = litserve.LitServer(Predictor(), accelerator="cpu", workers_per_device=2, fast_queue=True)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, access_log=False)

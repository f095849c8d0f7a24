"""`POST .../predict` on one version: decode, submit, encode. The lane and the ASGI path both go through here."""

from collections.abc import Callable
from dataclasses import dataclass

from deployments.errors import ModelyardError
from deployments.protocols.predict import PredictCodec
from deployments.serving.server import ModelServer
from deployments.serving.ticket import Answer, Ticket

Reply = Callable[["Prediction | Exception"], None]


@dataclass(slots=True)
class Prediction:
    """A request's whole outcome: the JSON body and where its time went."""

    body: bytes
    queue_s: float
    batch_rows: int
    compute_s: float


class Predictor:
    """Answers predict requests for one served version."""

    def __init__(self, codec: PredictCodec, server: ModelServer) -> None:
        self.codec = codec
        self.server = server

    def start(self, body: bytes, content_type: bytes, reply: Reply, *, probabilities: bool = False) -> Ticket:
        """Begin; `reply` is called once, on the loop, perhaps before this returns. Raises what is wrong with the request."""
        call = self.codec.decode(body, content_type, probabilities=probabilities)
        encode = self.codec.encode

        def done(answer: Answer | ModelyardError) -> None:
            if isinstance(answer, Answer):
                try:
                    encoded = encode(call, answer.outputs)
                except Exception as error:  # noqa: BLE001 - a model's output that cannot be written is this request's alone
                    reply(error)
                else:
                    reply(Prediction(encoded, answer.queue_s, answer.batch_rows, answer.compute_s))
            else:
                reply(answer)

        return self.server.submit(call.request, done)

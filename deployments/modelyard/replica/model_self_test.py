"""The self-test of a model at load: decodes its example and encodes its outputs in every supported format.

A model whose outputs cannot be encoded receives no traffic.
"""

import sys
from collections.abc import Iterable

from modelyard.errors import InvalidRequest, NotAcceptable, NotSupported, UnsupportedMediaType
from modelyard.inference.batch_parity import run
from modelyard.inference.warmup import WarmupFailed
from modelyard.protocols.codecs import Codecs
from modelyard.protocols.predict.codec import PredictRequest
from modelyard.replica.round_trips import RoundTrip, RoundTrips
from modelyard.runtimes.base import LoadedModel
from modelyard.tensors import InferRequest, Tensors

UNSUPPORTED_ERRORS = (InvalidRequest, NotAcceptable, NotSupported, UnsupportedMediaType)
"""What a codec raises for tensors that its format does not support; the documentation lists them."""
MAX_ROWS = 2
"""Rows of the example that are tried in every format."""


def self_test(model: LoadedModel, codecs: Codecs, example: PredictRequest, *, synthesised: bool) -> None:
    """Run the model on its example, and encode the outputs in each format. Raises WarmupFailed, which names the format.

    Arrow is tested only if pyarrow is imported already, as most frameworks do: it takes 27 MB, which a replica should not use
    before a client needs it. If the model fails on a synthesised example, there are no outputs to test.
    """
    signature = model.signature
    all_outputs = tuple(spec.name for spec in signature.outputs)
    request = InferRequest(example.request.inputs, example.request.rows, all_outputs)
    try:
        outputs = run(model, request)
    except Exception as error:
        if synthesised:
            return
        raise WarmupFailed(f"the model failed on its example: {type(error).__name__}: {error}") from error
    check([RoundTrip("predict, the example", lambda: example, codecs.predict.encode)], outputs)
    inputs = request.inputs
    if signature.rowwise:
        inputs, outputs = _first_rows(inputs), _first_rows(outputs)
    check(RoundTrips(codecs, signature, inputs, arrow="pyarrow" in sys.modules), outputs)


def check(round_trips: Iterable[RoundTrip], outputs: Tensors) -> None:
    """Raise WarmupFailed for the first round trip that fails with an error that is not in UNSUPPORTED_ERRORS."""
    for each in round_trips:
        try:
            decoded = each.decode()
            each.encode(decoded, {name: outputs[name] for name in decoded.request.outputs})
        except UNSUPPORTED_ERRORS:
            continue
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            raise WarmupFailed(f"the self-test with the model's example failed ({each.name}): {text}") from error


def _first_rows(tensors: Tensors) -> Tensors:
    return {name: array[:MAX_ROWS] for name, array in tensors.items()}

"""The whole path at load, bytes in to bytes out, in every form: a model that answers what cannot be written takes no traffic."""

import sys
from collections.abc import Iterable

from modelyard.errors import InvalidRequest, NotAcceptable, NotSupported, UnsupportedMediaType
from modelyard.inference.batch_parity import run
from modelyard.inference.warmup import WarmupFailed
from modelyard.protocols.codecs import Codecs
from modelyard.protocols.predict.codec import PredictRequest
from modelyard.replica.request_forms import Form, Forms
from modelyard.runtimes.base import LoadedModel
from modelyard.tensors import InferRequest, Tensors

DOES_NOT_FIT = (InvalidRequest, NotAcceptable, NotSupported, UnsupportedMediaType)
"""What a codec raises, as documented, where a model's tensors do not fit into its form."""
ROWS = 2
"""Of a long example, so many are tried in every form."""


def self_test(model: LoadedModel, codecs: Codecs, example: PredictRequest, *, synthesised: bool) -> None:
    """Ask and answer in each form, with what the model gives for its example. Raises WarmupFailed that names the form.

    Arrow is tried where pyarrow is imported already, as most frameworks do: it takes 27 MB, which a replica should not spend before
    a client wants it. Where an example was made up from the signature and the model refuses it, there is nothing to write.
    """
    signature = model.signature
    every = tuple(spec.name for spec in signature.outputs)
    request = InferRequest(example.request.inputs, example.request.rows, every)
    try:
        outputs = run(model, request)
    except Exception as error:
        if synthesised:
            return
        raise WarmupFailed(f"the model failed on its example: {type(error).__name__}: {error}") from error
    check([Form("predict, the example", lambda: example, codecs.predict.encode)], outputs)
    inputs = request.inputs
    if signature.rowwise:
        inputs, outputs = _first_rows(inputs), _first_rows(outputs)
    check(Forms(codecs, signature, inputs, arrow="pyarrow" in sys.modules), outputs)


def check(forms: Iterable[Form], outputs: Tensors) -> None:
    """Raise WarmupFailed for the first form that cannot be read or written, but for those that do not fit."""
    for form in forms:
        try:
            call = form.read()
            form.write(call, {name: outputs[name] for name in call.request.outputs})
        except DOES_NOT_FIT:
            continue
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            raise WarmupFailed(
                f"its example cannot be asked and answered in one of its forms ({form.name}): {told}"
            ) from error


def _first_rows(tensors: Tensors) -> Tensors:
    return {name: array[:ROWS] for name, array in tensors.items()}

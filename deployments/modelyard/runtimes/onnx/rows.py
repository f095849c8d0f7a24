"""Decides whether the first axes of a graph's inputs and outputs are the rows of a request."""

import onnxruntime

from modelyard.runtimes.base import LoadError
from modelyard.runtimes.onnx.trial_runs import Trial
from modelyard.tensors import FREE, Signature

NO_EXAMPLE = (
    "requests must contain whole tensors, not rows: the graph accepts none of the synthetic examples. Put a request body that "
    "works into example.json, or set `rows: true` in the YAML"
)


def decide_rows(
    signature: Signature, trial: Trial, session: onnxruntime.InferenceSession, stated: bool | None
) -> tuple[Signature, tuple[str, ...]]:
    """The signature, with `rows` as the operator states it or as the trial shows it, and notes for the operator.

    Raises LoadError if the operator states that there are rows, and there are none.
    """
    if stated:
        _check(signature, trial)
        return signature, ()
    if not signature.rowwise:
        return signature, ()
    if stated is None and not trial.no_rows and (trial.outputs or _declares_rows(signature, session)):
        return signature, ()
    notes = (NO_EXAMPLE,) if stated is None and not trial.no_rows else ()
    return Signature(signature.inputs, signature.outputs, rows=False), notes


def _check(signature: Signature, trial: Trial) -> None:
    fixed = [spec for spec in (*signature.inputs, *signature.outputs) if spec.shape[:1] != (FREE,)]
    if fixed:
        shape = list(fixed[0].shape)
        raise LoadError(
            f"the YAML has `rows: true`, but {fixed[0].name!r} has shape {shape}: its first axis has a fixed length"
        )
    if trial.no_rows:
        raise LoadError(f"the YAML has `rows: true`, but {trial.no_rows}")


def _declares_rows(signature: Signature, session: onnxruntime.InferenceSession) -> bool:
    """Whether a graph without a successful trial declares rows: it is a classifier, or all its first axes have one name."""
    names = {arg.shape[0] for arg in (*session.get_inputs(), *session.get_outputs()) if arg.shape}
    return signature.task == "classification" or (len(names) == 1 and isinstance(names.pop(), str))

"""Schemas of what predict takes and gives: of a model whose signature is known, and of any. Pure."""

from deployments.gateway.openapi.values import BYTES, Schema, nested, records_of, rows_of, tensor, tensors_of, value
from deployments.protocols.answers import several_labels
from deployments.protocols.layout import row_count
from deployments.tensors import FREE, Signature, TensorSpec

ANY_ROWS: Schema = {"type": "array", "minItems": 1}
SPLIT: Schema = {
    "type": "object",
    "properties": {"columns": {"type": "array"}, "data": ANY_ROWS, "index": {}},
    "required": ["columns", "data"],
    "additionalProperties": False,
}
LABEL: Schema = {"anyOf": [{"type": ["string", "integer", "number", "boolean"]}, BYTES]}


def predict_request(signature: Signature | None) -> Schema:
    """The JSON that a model takes: one form of input, and options."""
    options: dict[str, Schema] = {"outputs": _chosen(signature), "probabilities": {"type": "boolean"}}
    return {"oneOf": [_closed({form: schema}, options) for form, schema in _forms(signature).items()]}


def predict_answer(signature: Signature | None) -> Schema:
    """The JSON that it answers with."""
    properties: dict[str, Schema] = {
        "model_name": {"type": "string"},
        "model_version": {"type": "string"},
        "predictions": {"type": "array", "description": "for each row"},
        "confidences": {"type": "array", "items": {"type": ["number", "null"]}, "description": "of each row's label"},
        "probabilities": {"type": "array", "items": {"type": "array", "items": {"type": ["number", "null"]}}},
        "classes": {"type": "array", "description": "whose probabilities they are"},
        "outputs": {"type": "object", "description": "whole outputs by name"},
    }
    required = ["model_name", "model_version"]
    if signature is not None:
        properties["outputs"]["properties"] = {spec.name: tensor(spec) for spec in signature.outputs}
        properties["outputs"]["additionalProperties"] = False
        if signature.rowwise:
            properties["predictions"]["items"] = _prediction(signature)
            required.append("predictions")
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def invocations_answer(signature: Signature | None) -> Schema:
    """What MLflow's clients get."""
    items = {"items": _prediction(signature)} if signature and signature.rowwise else {}
    kind = "array" if items else ["array", "object"]
    return {
        "type": "object",
        "properties": {"predictions": {"type": kind, **items}},
        "required": ["predictions"],
    }


def _forms(signature: Signature | None) -> dict[str, Schema]:
    if signature is None:
        records: Schema = {**ANY_ROWS, "items": {"type": "object"}}
        return {"instances": ANY_ROWS, "inputs": {}, "dataframe_split": SPLIT, "dataframe_records": records}
    inputs = tensors_of(signature)
    count = row_count(signature)
    if count is None:
        return {"inputs": inputs}
    return {
        "instances": rows_of(signature, count),
        "inputs": inputs,
        "dataframe_split": SPLIT,
        "dataframe_records": records_of(signature, count),
    }


def _closed(form: dict[str, Schema], options: dict[str, Schema]) -> Schema:
    [name] = form
    return {
        "title": name,
        "type": "object",
        "properties": {**form, **options},
        "required": [name],
        "additionalProperties": False,
    }


def _chosen(signature: Signature | None) -> Schema:
    name: Schema = {"type": "string"}
    if signature is not None:
        name["enum"] = [spec.name for spec in signature.outputs]
    return {"type": "array", "items": name, "minItems": 1, "uniqueItems": True, "description": "only these"}


def _prediction(signature: Signature) -> Schema:
    """One row's. Where the client chooses outputs, it is these."""
    by_name = {spec.name: _row(spec, signature) for spec in signature.outputs}
    forms = list(by_name.values())
    if len(forms) > 1:
        forms.append({"type": "object", "properties": by_name, "additionalProperties": False})
    if signature.scores and not signature.label:
        forms.insert(0, _label(signature))
    return forms[0] if len(forms) == 1 else {"anyOf": forms}


def _row(spec: TensorSpec, signature: Signature) -> Schema:
    if spec.name == signature.label:
        label = _label(signature)
        return nested(label, spec.shape[1:]) if several_labels(signature) else label
    row = value(spec.datatype)
    if signature.task == "regression" and spec.shape in ((FREE,), (FREE, 1)):
        return row
    return nested(row, spec.shape[1:])


def _label(signature: Signature) -> Schema:
    """A class, or what else the model gives: a rule of its own may answer with a label that is none of its classes."""
    if not signature.classes:
        return LABEL
    own = [value(spec.datatype) for spec in signature.outputs if spec.name == signature.label]
    return {"anyOf": [{"enum": list(signature.classes)}, *own]} if own else {"enum": list(signature.classes)}

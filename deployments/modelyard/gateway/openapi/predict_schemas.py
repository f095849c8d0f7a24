"""Schemas of predict's requests and responses, for a model with a known signature and for any model.

Each is a component with its own name (`IrisRow`, `IrisPredictRequest`, `IrisPrediction`), because client generators make a class of
each component. A request is one object whose input members exclude each other with `oneOf` inside `allOf`: generators that ignore
it still see the members.
"""

from modelyard.gateway.openapi.operations import schema_ref
from modelyard.gateway.openapi.value_schemas import (
    BYTES,
    Schema,
    enumerated,
    nested,
    records_of,
    row_object,
    rows_of,
    tensor,
    tensors_of,
    value,
)
from modelyard.protocols.predict.responses import is_multi_label
from modelyard.protocols.values.row_layout import row_count
from modelyard.tensors import FREE, Signature, TensorSpec

ANY_ROWS: Schema = {"type": "array", "items": {}, "minItems": 1}
NUMBER: Schema = {"type": ["number", "null"]}
LABEL: Schema = {"anyOf": [{"type": ["string", "integer", "number", "boolean"]}, BYTES]}


def predict_components(prefix: str, signature: Signature | None) -> dict[str, Schema]:
    """The schemas by name. Names start with `prefix`, which is "" for any model. A model that takes rows has a row schema."""
    row = f"{prefix}Row"
    rows = {row: row_object(signature)} if signature is not None and row_count(signature) is not None else {}
    return {
        **rows,
        f"{prefix}PredictRequest": _request(signature, schema_ref(row)),
        f"{prefix}Prediction": _response(signature),
        f"{prefix}Invocation": _invocation(signature),
    }


def predict_shared() -> dict[str, Schema]:
    """Schemas that the schemas of every model refer to."""
    split: Schema = {
        "type": "object",
        "description": "A pandas DataFrame as `to_dict('split')` returns it",
        "properties": {"columns": {"type": "array", "items": {}}, "data": ANY_ROWS, "index": {}},
        "required": ["columns", "data"],
        "additionalProperties": False,
    }
    return {"DataframeSplit": split, "Label": LABEL}


def _request(signature: Signature | None, row: Schema) -> Schema:
    """The JSON request: one form of input, and options."""
    forms = _forms(signature, row)
    options: dict[str, Schema] = {"outputs": _selected_outputs(signature), "probabilities": {"type": "boolean"}}
    request: Schema = {"type": "object", "properties": {**forms, **options}, "additionalProperties": False}
    if len(forms) == 1:
        return {**request, "required": list(forms)}
    return {**request, "allOf": [{"oneOf": [{"required": [form]} for form in forms]}]}


def _response(signature: Signature | None) -> Schema:
    """The JSON response."""
    properties: dict[str, Schema] = {
        "model_name": {"type": "string"},
        "model_version": {"type": "string"},
        "predictions": {"type": "array", "items": {}},
        "confidences": {"type": "array", "items": NUMBER},
        "probabilities": {"type": "array", "items": {"type": "array", "items": NUMBER}},
        "classes": {"type": "array", "items": {}},
        "outputs": {"type": "object"},
    }
    required = ["model_name", "model_version"]
    if signature is not None:
        properties["outputs"]["properties"] = {spec.name: tensor(spec) for spec in signature.outputs}
        properties["outputs"]["additionalProperties"] = False
        if signature.rowwise:
            properties["predictions"]["items"] = _prediction(signature)
            required.append("predictions")
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _invocation(signature: Signature | None) -> Schema:
    """The JSON response in MLflow's format."""
    by_row = signature is not None and signature.rowwise
    predictions: Schema = {"type": "array", "items": _prediction(signature)} if by_row and signature else {}
    return {"type": "object", "properties": {"predictions": predictions}, "required": ["predictions"]}


def _forms(signature: Signature | None, row: Schema) -> dict[str, Schema]:
    split = schema_ref("DataframeSplit")
    if signature is None:
        records: Schema = {**ANY_ROWS, "items": {"type": "object"}}
        return {"instances": ANY_ROWS, "inputs": {}, "dataframe_split": split, "dataframe_records": records}
    inputs = tensors_of(signature)
    count = row_count(signature)
    if count is None:
        return {"inputs": inputs}
    return {
        "instances": rows_of(signature, count, row),
        "inputs": inputs,
        "dataframe_split": split,
        "dataframe_records": records_of(row, count),
    }


def _selected_outputs(signature: Signature | None) -> Schema:
    name = enumerated([spec.name for spec in signature.outputs]) if signature is not None else {"type": "string"}
    return {"type": "array", "items": name, "minItems": 1, "uniqueItems": True}


def _prediction(signature: Signature) -> Schema:
    """The prediction of one row. If the client selects outputs, it is those outputs."""
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
        return nested(label, spec.shape[1:]) if is_multi_label(signature) else label
    row = value(spec.datatype)
    if signature.task == "regression" and spec.shape in ((FREE,), (FREE, 1)):
        return row
    return nested(row, spec.shape[1:])


def _label(signature: Signature) -> Schema:
    """A class, or another value of the label's datatype: the model's own rule may return a label that is none of its classes."""
    if not signature.classes:
        return schema_ref("Label")
    classes = enumerated(signature.classes)
    own = [value(spec.datatype) for spec in signature.outputs if spec.name == signature.label]
    forms = [classes, *(each for each in own if each != {"type": classes.get("type")})]
    return {"anyOf": forms} if len(forms) > 1 else classes

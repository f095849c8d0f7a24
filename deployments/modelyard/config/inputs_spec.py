"""Datatypes of a model's inputs in YAML: a list, or a mapping from name to datatype."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from modelyard.config.datatype import EXPECTED_NAMES, InputDatatype
from modelyard.config.spec_base import Spec, expected, rejected


class InputType(Spec):
    """The datatype of one input, for artefacts that do not declare it."""

    name: str = Field(min_length=1, description="Name of the input: a column of the table that the model was fitted on")
    datatype: InputDatatype = Field(
        description="Datatype of the values in requests. DATETIME is ISO 8601 text, which the model receives as datetime64"
    )


def _as_list(value: object) -> object:
    """`{age: FP64}` as a list."""
    if not isinstance(value, dict):
        return value
    if "" in value:
        raise rejected("an input has an empty name", at=("",))
    for name, kind in value.items():
        if isinstance(kind, dict):
            raise expected(EXPECTED_NAMES, at=(name,))
    return [{"name": name, "datatype": kind} for name, kind in value.items()]


def _distinct(inputs: list[InputType]) -> list[InputType]:
    seen: set[str] = set()
    for index, each in enumerate(inputs):
        if each.name in seen:
            raise rejected(f"two inputs are named {each.name!r}", at=(index, "name"))
        seen.add(each.name)
    return inputs


Inputs = Annotated[
    list[InputType],
    BeforeValidator(
        _as_list,
        json_schema_input_type=list[InputType] | dict[Annotated[str, Field(min_length=1)], InputDatatype],
    ),
    AfterValidator(_distinct),
]

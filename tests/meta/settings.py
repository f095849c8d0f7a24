"""Walks through the settings of a spec and the commands of the command line."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo


def settings(spec: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every setting by its dotted name, nested ones included. `defaults` has the settings of a model, which are not repeated."""
    for name, field in spec.model_fields.items():
        yield prefix + name, field
        if name != "defaults":
            for nested in _specs(field.annotation):
                yield from settings(nested, f"{prefix}{name}.")


def _specs(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [spec for argument in get_args(annotation) for spec in _specs(argument)]


def commands(command: Any, name: str = "modelyard") -> Iterator[tuple[str, Any]]:
    """Every click command without subcommands, by its whole name."""
    if not hasattr(command, "commands"):
        yield name, command
        return
    for word, each in command.commands.items():
        yield from commands(each, f"{name} {word}")

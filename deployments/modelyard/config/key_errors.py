"""Keys that should not be there, and those that should: which one was meant."""

import difflib
from pathlib import PurePath
from typing import Any, get_args

from pydantic import BaseModel

from modelyard.config.diagnostic import Diagnostic
from modelyard.config.model_spec import ModelDefaults, ModelSpec, slug
from modelyard.config.server_spec import ServerSpec
from modelyard.config.tree import Location, Mapping, locate, shortened


def missing_key(root: Mapping, loc: Location) -> Diagnostic:
    """The diagnostic for a key that must be there; a model's name is guessed from its file's."""
    section, span = locate(root, loc[:-1])
    if isinstance(section, Mapping) and section.keys and len(loc) == 1:
        span = next(iter(section.keys.values()))
    key = str(loc[-1])
    name = slug(PurePath(span.source.path).stem) if loc == ("name",) else ""
    return span.diagnostic(f"missing key {key!r}", f"add '{key}: {name or '...'}'")


def unknown_key(spec: type[BaseModel], root: Mapping, loc: Location) -> Diagnostic:
    """The diagnostic for a key that its section does not have."""
    section, span = locate(root, loc[:-1])
    key = str(loc[-1])
    if isinstance(section, Mapping):
        span = section.keys.get(key, span)
    owner = _section(spec, loc[:-1])
    if owner is ModelDefaults and key in ModelSpec.model_fields:
        return span.diagnostic(f"{key!r} cannot have a default", "it belongs in a model's own file")
    if key == "<<":
        suggestion = "models share keys through 'defaults' in server.yaml"
        return span.diagnostic("merge keys ('<<') are not part of YAML 1.2", suggestion)
    return span.diagnostic(f"unknown key {shortened(key)!r}", _did_you_mean(spec, loc))


def intended_key(spec: type[BaseModel], loc: Location) -> Location:
    """The location of the key that a misspelt one was meant to be, or (); a key that exists elsewhere is not misspelt."""
    if _other_locations(spec, loc):
        return ()
    near = difflib.get_close_matches(str(loc[-1]), _section(spec, loc[:-1]).model_fields, 1)
    return (*loc[:-1], near[0]) if near else ()


def _did_you_mean(spec: type[BaseModel], loc: Location) -> str:
    key = str(loc[-1])
    if homes := _other_locations(spec, loc):
        if homes[0] == (key,):
            return f"{key!r} belongs at the top, not under {str(loc[0])!r}"
        return f"did you mean {'.'.join(map(str, homes[0]))!r}?"
    if near := intended_key(spec, loc):
        return f"did you mean {str(near[-1])!r}?"
    if spec is ModelSpec and key in ServerSpec.model_fields:
        return "it belongs into server.yaml"
    return "it belongs into a model's own file" if spec is ServerSpec and key in ModelSpec.model_fields else ""


def _other_locations(spec: type[BaseModel], loc: Location) -> list[Location]:
    """Where else a key of this name is known in the same file, the nearest to the top first."""
    key = str(loc[-1])
    found: list[Location] = [(key,)] if len(loc) > 1 and key in spec.model_fields else []
    sections = [(name,) for name in spec.model_fields]
    deeper = [(name, inner) for (name,) in sections for inner in _section(spec, (name,)).model_fields]
    for section in (*sections, *deeper):
        here = section == tuple(part for part in loc[:-1] if isinstance(part, str))
        if not here and key in _section(spec, section).model_fields:
            found.append((*section, key))
    return found


def _section(spec: type[BaseModel], loc: Location) -> type[BaseModel]:
    """The model that a section is read as; a base model without fields where the location is a plain value."""
    for part in loc:
        if isinstance(part, str) and part in spec.model_fields:
            spec = _model_in(spec.model_fields[part].annotation) or BaseModel
    return spec


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := _model_in(part))), None)

"""Errors for unknown and missing keys, with the key that was probably meant."""

import difflib
from pathlib import PurePath
from typing import Any, get_args

from pydantic import BaseModel

from modelyard.config.diagnostic import Diagnostic
from modelyard.config.model_spec import ModelDefaults, ModelSpec, slug
from modelyard.config.server_spec import ServerSpec
from modelyard.config.tree import Location, Mapping, locate, shortened

_EXAMPLES = {"memory": "2GiB"}
"""Values to suggest for required keys."""


def missing_key(root: Mapping, loc: Location) -> Diagnostic:
    """The diagnostic for a missing required key. A missing model name is suggested from the file's name."""
    section, span = locate(root, loc[:-1])
    if isinstance(section, Mapping) and section.keys and len(loc) == 1:
        span = next(iter(section.keys.values()))
    key = str(loc[-1])
    value = slug(PurePath(span.source.path).stem) if loc == ("name",) else _EXAMPLES.get(key, "")
    return span.diagnostic(f"missing key {key!r}", f"add '{key}: {value or '...'}'")


def unknown_key(spec: type[BaseModel], root: Mapping, loc: Location) -> Diagnostic:
    """The diagnostic for an unknown key."""
    section, span = locate(root, loc[:-1])
    key = str(loc[-1])
    if isinstance(section, Mapping):
        span = section.keys.get(key, span)
    owner = _section(spec, loc[:-1])
    if owner is ModelDefaults and key in ModelSpec.model_fields:
        return span.diagnostic(f"{key!r} cannot have a default", "set it in the model's file")
    if key == "<<":
        suggestion = "put shared keys under 'defaults' in server.yaml"
        return span.diagnostic("merge keys ('<<') are not part of YAML 1.2", suggestion)
    return span.diagnostic(f"unknown key {shortened(key)!r}", _did_you_mean(spec, loc))


def intended_key(spec: type[BaseModel], loc: Location) -> Location:
    """The location of the key that a misspelt one probably means, or (). A key that exists in another section is not misspelt."""
    if _other_locations(spec, loc):
        return ()
    near = difflib.get_close_matches(str(loc[-1]), _section(spec, loc[:-1]).model_fields, 1)
    return (*loc[:-1], near[0]) if near else ()


def _did_you_mean(spec: type[BaseModel], loc: Location) -> str:
    key = str(loc[-1])
    if homes := _other_locations(spec, loc):
        if homes[0] == (key,):
            return f"{key!r} belongs at the top level, not under {str(loc[0])!r}"
        return f"did you mean {'.'.join(map(str, homes[0]))!r}?"
    if near := intended_key(spec, loc):
        return f"did you mean {str(near[-1])!r}?"
    if spec is ModelSpec and key in ServerSpec.model_fields:
        return "it belongs in server.yaml"
    if spec is ServerSpec and key == "pools":
        return "write a file for each pool in the folder pools"
    return "it belongs in a model's file" if spec is not ModelSpec and key in ModelSpec.model_fields else ""


def _other_locations(spec: type[BaseModel], loc: Location) -> list[Location]:
    """Other locations of a key with this name in the same file, top level first. Its own section does not have the key."""
    key = str(loc[-1])
    found: list[Location] = [(key,)] if key in spec.model_fields else []
    sections = [(name,) for name in spec.model_fields]
    deeper = [(name, inner) for (name,) in sections for inner in _section(spec, (name,)).model_fields]
    found += [(*section, key) for section in (*sections, *deeper) if key in _section(spec, section).model_fields]
    return found


def _section(spec: type[BaseModel], loc: Location) -> type[BaseModel]:
    """The spec class of a section; BaseModel, which has no fields, if the location is a plain value."""
    for part in loc:
        if isinstance(part, str) and part in spec.model_fields:
            spec = _model_in(spec.model_fields[part].annotation) or BaseModel
    return spec


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := _model_in(part))), None)

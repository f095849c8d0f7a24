"""Specs back to YAML with every default filled in, such that it loads to the same specs again."""

import re
from typing import Any

import yaml

from modelyard.config import scalar
from modelyard.config.load import Config
from modelyard.config.model_spec import ModelDefaults, ModelSpec
from modelyard.config.server_checks import IGNORED_ON_CLUSTER

_SAFE_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
"""Text that needs no quotes wherever it stands, unless it is a word of YAML's own."""


def config_as_yaml(config: Config) -> str:
    """Every file of `files`, each below its name in a comment and a line of `---`."""
    return "".join(f"---\n# {name}\n{text}" for name, text in config_files(config).items())


def config_files(config: Config) -> dict[str, str]:
    """The files that would load as this configuration, by their path inside the configuration folder."""
    shown = {"server.yaml": _text(_server_values(config))}
    for model in config.models:
        shown[f"models/{config.sources[model.name].name}"] = _text(_own_keys_first(model))
    return shown


def _server_values(config: Config) -> dict[str, Any]:
    """Without the keys that have no effect on a cluster, where it is one: it would not load with them."""
    values = config.server.model_dump()
    for *section, key in IGNORED_ON_CLUSTER if config.server.ray.address != "local" else ():
        owner = values
        for part in section:
            owner = owner[part]
        del owner[key]
    return values


def _own_keys_first(model: ModelSpec) -> dict[str, Any]:
    """The name, and what else is this model's alone, before what `defaults` might have said."""
    values = model.model_dump()
    own = [key for key in values if key not in ModelDefaults.model_fields]
    return {key: values[key] for key in (*own, *ModelDefaults.model_fields)}


def _text(values: dict[str, Any]) -> str:
    return yaml.dump(_without_references(values), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def _without_references(value: Any) -> Any:
    """The values with each dollar sign doubled, since a reader would take `${...}` for a variable."""
    if isinstance(value, dict):
        return {key: _without_references(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_references(item) for item in value]
    return value.replace("$", "$$") if isinstance(value, str) else value


class _Dumper(yaml.SafeDumper):
    """Writes for a reader of YAML 1.2; PyYAML would leave `1e3` and `0o12` bare, which are strings in YAML 1.1 only."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _quoted_unless_safe(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    safe = _SAFE_PLAIN.fullmatch(text) and scalar.resolve(text) is not None and isinstance(scalar.resolve(text), str)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if safe else '"')


_Dumper.add_representer(str, _quoted_unless_safe)

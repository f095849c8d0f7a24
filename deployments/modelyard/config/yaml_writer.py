"""YAML text of plain values, and of specs with every default filled in, which load to the same specs again."""

import re
from typing import Any, Literal

import yaml

from modelyard.config import scalar
from modelyard.config.defaults import POOL_KEYS
from modelyard.config.load import Config
from modelyard.config.model_spec import ModelDefaults, ModelSpec
from modelyard.config.pool_checks import POOLED_KEYS
from modelyard.config.server_checks import IGNORED_ON_CLUSTER

_SAFE_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
"""Text that needs no quotes, unless it is a YAML keyword."""


def to_yaml(value: Any) -> str:
    """YAML 1.1 text in block style, keys in their order, without anchors. `yaml.safe_load` reads back an equal value."""
    return _dumped(value, _Dumper)


def config_as_yaml(config: Config) -> str:
    """All files of `config_files` as one text: a line of `---`, the file's name as a comment, and its content."""
    return "".join(f"---\n# {name}\n{text}" for name, text in config_files(config).items())


def config_files(config: Config) -> dict[str, str]:
    """Files that load as this configuration, by path relative to the configuration folder."""
    shown = {"server.yaml": _file_text(_server_values(config))}
    for pool in config.pools:
        shown[f"pools/{config.pool_sources[pool.name].name}"] = _file_text(pool.model_dump())
    for model in config.models:
        shown[f"models/{config.sources[model.name].name}"] = _file_text(_own_keys_first(model))
    return shown


def model_values(model: ModelSpec, mode: Literal["python", "json"] = "python") -> dict[str, Any]:
    """All keys of a model's file with their values, without those that have no effect: its pool has them, or it has no pool."""
    return model.model_dump(mode=mode, exclude={*(POOL_KEYS if model.pool else POOLED_KEYS)})


def _server_values(config: Config) -> dict[str, Any]:
    """Without the keys that a cluster ignores, if Ray is a cluster: they would be errors there."""
    values = config.server.model_dump()
    for *section, key in IGNORED_ON_CLUSTER if config.server.ray.address != "local" else ():
        owner = values
        for part in section:
            owner = owner[part]
        del owner[key]
    return values


def _own_keys_first(model: ModelSpec) -> dict[str, Any]:
    """The keys of models alone, `name` first, before those that `defaults` may set."""
    values = model_values(model)
    own = [key for key in values if key not in ModelDefaults.model_fields]
    return {key: values[key] for key in (*own, *(key for key in ModelDefaults.model_fields if key in values))}


def _file_text(values: dict[str, Any]) -> str:
    return _dumped(_escaped(values), _FileDumper)


def _escaped(value: Any) -> Any:
    """The values with each dollar sign doubled, so that `${...}` is not read as a variable."""
    if isinstance(value, dict):
        return {key: _escaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    return value.replace("$", "$$") if isinstance(value, str) else value


def _dumped(value: Any, dumper: type[yaml.SafeDumper]) -> str:
    return yaml.dump(value, Dumper=dumper, sort_keys=False, allow_unicode=True, width=120)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


class _FileDumper(_Dumper):
    """Writes YAML 1.2. PyYAML would leave `1e3` and `0o12` without quotes, which are strings in YAML 1.1 only."""


def _quoted_unless_safe(dumper: _FileDumper, text: str) -> yaml.ScalarNode:
    safe = _SAFE_PLAIN.fullmatch(text) and scalar.resolve(text) is not None and isinstance(scalar.resolve(text), str)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if safe else '"')


_FileDumper.add_representer(str, _quoted_unless_safe)

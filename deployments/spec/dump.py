"""Plain values to YAML text; here because this is the one package that knows YAML."""

from typing import Any

import yaml


def dump(value: Any) -> str:
    """Block style, keys in their own order; what `yaml.safe_load` gives back equals `value`."""
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120))

"""Plain values to YAML text; here because this is the one package that knows YAML."""

from typing import Any

import yaml


def dump(value: Any) -> str:
    """Block style, keys in their own order, nothing by reference; what `yaml.safe_load` gives back equals `value`."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True

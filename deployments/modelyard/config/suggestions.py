"""Suggestions for values in the notation of other tools: `10s`, `500m`, `versions: 1`, `name:iris`. "" means no suggestion."""

import re

from modelyard.config.tree import Node, Scalar, shortened

_UNITS = {"ms": 0.001, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_AMOUNT = re.compile(r"([0-9]+(?:[.,][0-9]+)?) ?([A-Za-z]*)")
_KEY = re.compile(r"\s*(?:- )?([A-Za-z_][A-Za-z0-9_]*):(?!//)([^\s:].*)")
_RANGE = re.compile(r"([0-9]+) ?(?:-|\.\.|to) ?([0-9]+)")
_CONFLICT = re.compile(r"(<{7}|>{7}|\|{7})( |$)|={7}$")


def suggest_number(text: str, key: str) -> str:
    """For a number with a unit or a decimal comma. `key` ends in the unit of its values, if they have one."""
    found = _AMOUNT.fullmatch(text)
    if found is None:
        return ""
    amount, unit = float(found[1].replace(",", ".")), found[2].lower()
    if not unit:
        return f"did you mean {amount:g}?" if "," in text else ""
    if key == "cpus" and unit == "m":
        return f"did you mean {amount / 1000:g}?"
    if unit not in _UNITS:
        return ""
    if key.endswith("_ms"):
        return f"did you mean {amount * _UNITS[unit] * 1000:g}? The unit is milliseconds"
    if key.endswith("_s"):
        return f"did you mean {amount * _UNITS[unit]:g}? The unit is seconds"
    return ""


def suggest_replicas(text: str) -> str:
    """For `1-3`, a range in other tools."""
    found = _RANGE.fullmatch(text)
    return f"did you mean {{min: {found[1]}, max: {found[2]}}}?" if found else ""


def suggest_versions(what: str, node: Node) -> str:
    """For one version that is a number instead of a list."""
    if not isinstance(node, Scalar) or "latest" not in what:
        return ""
    found = re.fullmatch(r"[vV]?([1-9][0-9]{0,17})", node.text.strip())
    return f"did you mean [{found[1]}]?" if found else ""


def suggest_space(text: str) -> str:
    """For `name:iris`, which YAML reads as text."""
    found = _KEY.match(text)
    return f"write '{found[1]}: {shortened(found[2].strip())}', with a space after the ':'" if found else ""


def first_conflict_marker(lines: list[str]) -> int | None:
    """The first line, counted from 0, with a conflict marker of git."""
    return next((number for number, line in enumerate(lines) if _CONFLICT.match(line)), None)

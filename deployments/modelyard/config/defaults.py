"""Merges `defaults:` of server.yaml into a model's keys. Sections are merged key by key; the model's keys take precedence.

Nodes are merged, not values, so that an error still has its file and line.
"""

from modelyard.config.source_text import Span
from modelyard.config.tree import Mapping, Node, Scalar

POOL_KEYS = ("replicas", "resources")
"""Keys of a model with replicas of its own. The pool has them for its models."""


def with_defaults(model: Mapping, defaults: Mapping) -> Mapping:
    """The model's mapping, and the defaults of the keys that it does not set. A pooled model gets no default of POOL_KEYS."""
    pool = model.entries.get("pool", defaults.entries.get("pool"))
    if isinstance(pool, Scalar) and pool.value is not None:
        entries = {key: node for key, node in defaults.entries.items() if key not in POOL_KEYS}
        defaults = Mapping(defaults.span, entries, {key: defaults.keys[key] for key in entries})
    return _merged(model, defaults)


def _merged(model: Mapping, defaults: Mapping) -> Mapping:
    merged = Mapping(model.span, {**defaults.entries, **model.entries}, {**defaults.keys, **model.keys})
    for key in defaults.entries.keys() & model.entries.keys():
        own, default = _section(key, model.entries[key]), _section(key, defaults.entries[key])
        if isinstance(own, Mapping) and isinstance(default, Mapping) and key != "versions":
            section = _merged(own, default)
            merged.entries[key] = _bounds_in_order(section, own) if key == "replicas" else section
    return merged


def _section(key: str, node: Node) -> Node:
    """`replicas: 3` and `batching: off` as sections, so that the other keys of the section still have their defaults."""
    if key == "batching" and isinstance(node, Scalar) and node.value == "off":
        return _batching_off(node.span)
    if key == "replicas" and isinstance(node, Scalar) and type(node.value) is int and node.value > 0:
        return Mapping(node.span, {"min": node, "max": node}, {"min": node.span, "max": node.span})
    return node


def _batching_off(span: Span) -> Mapping:
    entries: dict[str, Node] = {
        "max_size": Scalar(span, "1", 1, plain=True),
        "max_delay_ms": Scalar(span, "0", 0, plain=True),
    }
    return Mapping(span, entries, dict.fromkeys(entries, span))


def _bounds_in_order(section: Mapping, own: Mapping) -> Mapping:
    """If a default bound contradicts the model's own one, use the own one for both: default `{max: 4}` and `{min: 6}` give six."""
    low, high = section.entries.get("min"), section.entries.get("max")
    given = own.entries.keys() & {"min", "max"}
    if len(given) == 1 and isinstance(low, Scalar) and isinstance(high, Scalar) and _is_above(low, high):
        node = own.entries[given.pop()]
        section.entries.update(min=node, max=node)
    return section


def _is_above(low: Scalar, high: Scalar) -> bool:
    return type(low.value) is int and type(high.value) is int and low.value > high.value

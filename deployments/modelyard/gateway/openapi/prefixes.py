"""What the names of a model's components begin with: its own name, as classes are written. Pure."""

import re
from collections.abc import Iterable


def prefixes(names: Iterable[str]) -> dict[str, str]:
    """By the names of models: `TicketTopic` for `ticket-topic`.

    Models whose names differ in their punctuation alone get a number, also where their prefixes would differ in case: generators
    make names of files of them.
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(names):
        plain = _class_name(name)
        prefix, number = plain, 2
        while prefix.lower() in taken:
            prefix, number = f"{plain}{number}", number + 1
        taken.add(prefix.lower())
        found[name] = prefix
    return found


def _class_name(name: str) -> str:
    words = "".join(word[:1].upper() + word[1:] for word in re.split("[^a-z0-9]+", name))
    return words if words[:1].isalpha() else f"Model{words}"

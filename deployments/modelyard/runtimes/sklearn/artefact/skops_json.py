"""Lets other threads run while skops parses the JSON of a large file.

The parser of the standard library holds the interpreter's lock until it ends: 5 ms for a forest of 10 MB. The requests of all other
models in the process would wait.
"""

import json
from functools import partial
from types import SimpleNamespace
from typing import Any

import skops.io._utils


def allow_other_threads() -> None:
    """Replace the parser that skops uses in this process. The results are the same."""
    skops.io._utils.json = SimpleNamespace(**vars(json) | {"loads": partial(json.loads, object_hook=_unchanged)})


def _unchanged(document: dict[str, Any]) -> dict[str, Any]:
    """The parser calls it after each object. Python code can be interrupted, unlike the parser."""
    return document

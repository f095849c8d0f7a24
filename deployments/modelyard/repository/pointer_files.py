"""Detects a placeholder in place of a model file: a Git LFS pointer, or an error page that a failed download saved. Pure."""

import re
from typing import Literal

from modelyard.runtimes.registry import RUNTIME_OF_ARTEFACT

HEAD_BYTES = 512
"""How much of a file `pointer_file` needs, from its start."""

PointerFile = Literal["", "pointer", "page", "json"]

_LFS = b"version https://git-lfs.github.com/spec/"
_PAGE = re.compile(rb"(\xef\xbb\xbf)?\s*<(!--|(!doctype|html|head|body|\?xml|error)\b)", re.IGNORECASE)
_JSON = re.compile(rb'(\xef\xbb\xbf)?\s*\{\s*"')


def pointer_file(head: bytes) -> PointerFile:
    """The kind of placeholder that begins with these bytes; "" for any other content."""
    if head.startswith(_LFS):
        return "pointer"
    if _PAGE.match(head):
        return "page"
    return "json" if _JSON.match(head) else ""


def pointer_problem(path: str, kind: PointerFile) -> str:
    """Why a version with this file cannot be served, worded to follow the file's name; "" if it can be served.

    A Git LFS pointer is wrong under any name. A page or JSON is wrong for an artefact only: other files may have such content.
    """
    if kind == "pointer":
        return "is a Git LFS pointer, not the file itself: run `git lfs pull` in the checkout, and copy the file again"
    if path not in RUNTIME_OF_ARTEFACT or not kind:
        return ""
    what = "an HTML or XML page" if kind == "page" else "JSON text"
    return f"is {what}, not a model: the download returned an error page or a login form; download it again"

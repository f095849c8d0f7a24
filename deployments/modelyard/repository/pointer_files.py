"""Contents that stand in for a file: what is left in its place where the file itself was not copied. Pure."""

import re
from typing import Literal

from modelyard.repository.artefact import RUNTIMES

HEAD_BYTES = 512
"""How much of a file `pointer_file` wants."""

PointerFile = Literal["", "pointer", "page", "json"]

_LFS = b"version https://git-lfs.github.com/spec/"
_PAGE = re.compile(rb"(\xef\xbb\xbf)?\s*<(!--|(!doctype|html|head|body|\?xml|error)\b)", re.IGNORECASE)
_JSON = re.compile(rb'(\xef\xbb\xbf)?\s*\{\s*"')


def pointer_file(head: bytes) -> PointerFile:
    """What a file that begins like this is; "" for any content of its own."""
    if head.startswith(_LFS):
        return "pointer"
    if _PAGE.match(head):
        return "page"
    return "json" if _JSON.match(head) else ""


def pointer_problem(path: str, kind: PointerFile) -> str:
    """Why a version that has this file cannot be served, to follow its name in a sentence; "" where it can.

    No file of a model is a Git LFS pointer; only an artefact cannot be a page or JSON.
    """
    if kind == "pointer":
        return (
            "is a Git LFS pointer, not the file itself: run `git lfs pull` where it was checked out, and copy it again"
        )
    if path not in RUNTIMES or not kind:
        return ""
    what = "an HTML or XML page" if kind == "page" else "JSON text"
    return (
        f"is {what}, not a model: whatever it was downloaded from answered with an error or a form; download it again"
    )

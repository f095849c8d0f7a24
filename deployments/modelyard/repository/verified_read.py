"""Reads the files of a version in a replica, once: the bytes that are loaded are the bytes that were checked."""

import hashlib
from pathlib import Path

from modelyard.repository.digest import ManifestEntry, digest
from modelyard.repository.listing import INCOMPLETE_MARKER, Listing, explain, listing
from modelyard.repository.resolve import ServedVersion
from modelyard.repository.safe_tree import GONE, Entry, FileChanged, NotAllowed, Tree


class ArtefactUnreadable(Exception):
    """The version is missing or cannot be read. Its one argument is the reason, for the operator."""


class ArtefactChanged(Exception):
    """The version is not the one that the scan found. Its one argument is the reason, for the operator."""


def read_verified(root: Path, folder: str, version: ServedVersion) -> dict[str, bytes]:
    """The version's files by their path inside it, after a check of their digest.

    Rejects what the scan rejects. Raises ArtefactUnreadable and ArtefactChanged. Needs memory for one copy of the files.
    """
    where = f"version {version.number} of {folder}"
    try:
        with Tree(root) as tree:
            files = _read(tree, _list_version(tree, folder, version.number, where), where)
    except FileChanged as error:
        raise ArtefactChanged(f"{where} changed while it was read ({error})") from None
    except GONE as error:
        raise ArtefactUnreadable(f"{where} is not in the model repository {root} ({error.strerror})") from None
    except NotAllowed as error:
        raise ArtefactUnreadable(f"{where} {error}") from None
    except OSError as error:
        raise ArtefactUnreadable(f"{where} {explain(error)}") from None
    found = digest(ManifestEntry(path, len(data), hashlib.sha256(data).hexdigest()) for path, data in files.items())
    if found != version.digest:
        raise ArtefactChanged(
            f"{where} is not the version that was deployed: its digest is {found}, not {version.digest}. "
            f"Give a changed model a new version number; do not edit versions that are served"
        )
    return files


def _list_version(tree: Tree, folder: str, number: int, where: str) -> Listing:
    found = tree.find(f"{folder}/{number}")
    if not found.is_directory:
        raise NotAllowed("is a file, not a folder")
    seen = listing(tree, found)
    if seen.problem:
        raise ArtefactUnreadable(f"{where} is rejected: {seen.problem}")
    if seen.incomplete:
        raise ArtefactChanged(f"{where} is being written again: it contains {INCOMPLETE_MARKER}")
    return seen


def _read(tree: Tree, seen: Listing, where: str) -> dict[str, bytes]:
    files = {}
    for path, file in seen.files.items():
        try:
            files[path] = _content(tree, file)
        except MemoryError:
            size = f"{file.stat.st_size:,} bytes"
            raise ArtefactUnreadable(f"{path} in {where} does not fit in memory ({size})") from None
        except PermissionError as error:
            raise ArtefactUnreadable(f"{path} in {where} {explain(error)}") from None
    return files


def _content(tree: Tree, file: Entry) -> bytes:
    with tree.open(file) as stream:
        # Unbuffered, readall() allocates the file's size once and reads straight into the bytes that it returns.
        return stream.readall()

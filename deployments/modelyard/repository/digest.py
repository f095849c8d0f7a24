"""The digest of a version: one identifier for all of its bytes.

The manifest has one line per file, sorted by the path's UTF-8 bytes:

    <SHA-256 of the content, 64 hex digits> <size in bytes, decimal> <path relative to the version directory>\\n

The digest is "sha256:" and the SHA-256 of the manifest in hex. The format is the same for one file and for many. A path contains
no control characters (the scan rejects them), so versions with different files have different manifests. Times, modes and empty
directories are not part of the manifest: two copies of a version have the same digest.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One file: its path inside the version, its size, and the SHA-256 of its content in hex."""

    path: str
    size_bytes: int
    sha256: str


def manifest(entries: Iterable[ManifestEntry]) -> bytes:
    """The manifest of these files. Their order does not matter."""
    ordered = sorted(entries, key=lambda entry: entry.path.encode())
    return "".join(f"{entry.sha256} {entry.size_bytes} {entry.path}\n" for entry in ordered).encode()


def digest(entries: Iterable[ManifestEntry]) -> str:
    """The version's digest, "sha256:" and 64 hex digits."""
    return f"sha256:{hashlib.sha256(manifest(entries)).hexdigest()}"

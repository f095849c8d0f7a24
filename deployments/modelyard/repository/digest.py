"""The digest of a version: one name for all of its bytes.

The manifest has one line a file, sorted by the path's UTF-8 bytes:

    <SHA-256 of the content, 64 hex digits> <size in bytes, decimal> <path relative to the version directory>\\n

and the digest is "sha256:" and the SHA-256 of the manifest in hex. One file or many, the format is the same. A path
holds no control characters (the scan refuses them), so versions with different files have different manifests. Times,
modes and empty directories are not part of it: two copies of a version have one digest.
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


def manifest(lines: Iterable[ManifestEntry]) -> bytes:
    """The manifest of these files, in whatever order they come."""
    ordered = sorted(lines, key=lambda line: line.path.encode())
    return "".join(f"{line.sha256} {line.size_bytes} {line.path}\n" for line in ordered).encode()


def digest(lines: Iterable[ManifestEntry]) -> str:
    """The version's digest, "sha256:" and 64 hex digits."""
    return f"sha256:{hashlib.sha256(manifest(lines)).hexdigest()}"

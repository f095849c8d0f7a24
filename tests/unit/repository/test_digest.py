import hashlib
import random
import re
import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from modelyard.repository.digest import ManifestEntry, digest, manifest

README = Path(__file__).parents[3] / "model_repository" / "README.md"

HEX = st.binary(max_size=4).map(lambda content: hashlib.sha256(content).hexdigest())
# Spaces and digits could confuse a reader of the manifest: they surround the path in its line.
PATHS = st.lists(st.text("a 0ü", min_size=1, max_size=3), min_size=1, max_size=2).map("/".join)
LINES = st.builds(ManifestEntry, PATHS, st.integers(0, 2**60), HEX)
VERSIONS = st.lists(LINES, max_size=5, unique_by=lambda line: line.path)


def test_the_manifest_is_the_documented_text():
    empty = hashlib.sha256(b"").hexdigest()
    lines = [ManifestEntry("model.onnx", 3, "a" * 64), ManifestEntry("a b/ü", 0, empty)]
    assert manifest(lines).decode() == f"{empty} 0 a b/ü\n{'a' * 64} 3 model.onnx\n"


def test_the_digest_is_the_sha_256_of_the_manifest():
    line = ManifestEntry("model.onnx", 3, "a" * 64)
    assert digest([line]) == "sha256:" + hashlib.sha256(manifest([line])).hexdigest()


@given(VERSIONS, st.randoms(use_true_random=False))
def test_the_order_of_the_files_does_not_matter(lines: list[ManifestEntry], order: random.Random):
    shuffled = list(lines)
    order.shuffle(shuffled)
    assert digest(shuffled) == digest(lines)


@given(VERSIONS, VERSIONS)
def test_different_files_have_different_manifests(one, other):
    assert (manifest(one) == manifest(other)) == (set(one) == set(other))


def test_the_shell_command_of_the_readme_prints_the_same_digest(repository):
    repository.put({"churn/1/model.onnx": b"\x00\x01", "churn/1/a b/ü.bin": "x" * 1000, "churn/1/a.b": ""})
    (shell,) = re.findall(r"```sh digest\n(.*?)```", README.read_text(), re.DOTALL)
    completed = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", shell], cwd=repository.root / "churn/1", capture_output=True, check=True
    )
    assert completed.stdout.decode().split()[0] == repository.version().digest.removeprefix("sha256:")

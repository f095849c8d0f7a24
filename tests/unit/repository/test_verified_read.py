import os
import resource
import tracemalloc

import pytest

from modelyard.repository.resolve import ServedVersion
from modelyard.repository.verified_read import ArtefactChanged, ArtefactUnreadable, read_verified


@pytest.fixture
def served(repository) -> ServedVersion:
    """Version 1 of churn, as found by a scan."""
    repository.put({"churn/1/model.onnx": b"model", "churn/1/weights/0.bin": b"w" * 1000, "churn/1/empty": b""})
    return ServedVersion(1, repository.version().digest)


def test_a_version_is_read_with_the_digest_of_the_scan(repository, served):
    files = read_verified(repository.root, "churn", served)
    assert files == {"model.onnx": b"model", "weights/0.bin": b"w" * 1000, "empty": b""}


@pytest.mark.parametrize(
    "change",
    [
        {"churn/1/model.onnx": b"MODEL"},
        {"churn/1/model.onnx": b""},
        {"churn/1/another": b""},
        {"churn/1/weights/0.bin": b"w" * 1001},
    ],
)
def test_a_version_that_was_changed_after_the_scan_is_rejected(repository, served, change):
    repository.put(change)
    with pytest.raises(
        ArtefactChanged,
        match=rf"^version 1 of churn is not the version that .* not {served.digest}\. Give a ",
    ):
        read_verified(repository.root, "churn", served)


def test_a_renamed_file_is_a_change(repository, served):
    (repository.root / "churn/1/empty").rename(repository.root / "churn/1/void")
    with pytest.raises(ArtefactChanged):
        read_verified(repository.root, "churn", served)


def test_a_version_that_is_being_written_again_is_rejected(repository, served):
    repository.put({"churn/1/.incomplete": b""})
    with pytest.raises(ArtefactChanged, match=r"^version 1 of churn is being written again: it contains \.incomplete$"):
        read_verified(repository.root, "churn", served)


def test_a_file_that_was_swapped_for_a_link_is_rejected_even_with_the_same_bytes(repository, served, tmp_path):
    (tmp_path / "same").write_bytes(b"model")
    (repository.root / "churn/1/model.onnx").unlink()
    (repository.root / "churn/1/model.onnx").symlink_to(tmp_path / "same")
    with pytest.raises(
        ArtefactUnreadable, match=r"is rejected: model.onnx is a symbolic link that leaves the repository"
    ):
        read_verified(repository.root, "churn", served)


def test_a_file_that_was_swapped_for_a_fifo_is_rejected_at_once(repository, served):
    (repository.root / "churn/1/model.onnx").unlink()
    os.mkfifo(repository.root / "churn/1/model.onnx")
    with pytest.raises(ArtefactUnreadable, match=r"^version 1 of churn is rejected: model\.onnx is a FIFO$"):
        read_verified(repository.root, "churn", served)


@pytest.mark.parametrize("gone", ["churn/1", "churn", "."])
def test_a_version_that_was_removed_is_reported(repository, served, gone):
    (repository.root / gone).resolve().rename(repository.root.parent / "aside")
    with pytest.raises(
        ArtefactUnreadable, match=r"^version 1 of churn is not in the model repository /.*\(No such file"
    ):
        read_verified(repository.root, "churn", served)


def test_a_version_that_is_a_file_is_reported(repository, served):
    (repository.root / "churn/1").rename(repository.root / "aside")
    repository.put({"churn/1": b"model"})
    with pytest.raises(ArtefactUnreadable, match=r"^version 1 of churn is a file, not a folder$"):
        read_verified(repository.root, "churn", served)


def test_a_folder_that_traverses_is_rejected(repository, served):
    with pytest.raises(ArtefactUnreadable, match=r"leads elsewhere$"):
        read_verified(repository.root / "churn", "../churn", served)


@pytest.fixture
def sixteen_gigabytes_at_most():
    """Limits the memory of this process, so that the machine's memory and its overcommit setting do not matter."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (16 * 2**30, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.usefixtures("sixteen_gigabytes_at_most")
def test_a_file_that_does_not_fit_in_memory_is_reported(repository, served):
    with (repository.root / "churn/1/model.onnx").open("r+b") as stream:
        stream.truncate(2**40)  # sparse: uses no space on the disk
    with pytest.raises(
        ArtefactUnreadable, match=r"^model\.onnx in version 1 of churn does not fit in memory \(1,099,511,627,776 bytes"
    ):
        read_verified(repository.root, "churn", served)


def test_a_large_file_uses_memory_of_its_own_size_only(repository):
    size = 32 * 2**20
    repository.put({"churn/1/model.onnx": bytes(size)})
    served = ServedVersion(1, repository.version().digest)
    tracemalloc.start()
    try:
        files = read_verified(repository.root, "churn", served)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(files["model.onnx"]) == size
    assert peak < size * 1.1

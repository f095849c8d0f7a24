import hashlib
import os
import shutil
from pathlib import Path

import pytest

from modelyard.repository.digest import ManifestEntry, digest
from modelyard.repository.safe_tree import Identity
from modelyard.repository.snapshot import FileEntry, VersionSnapshot


def test_a_version_has_its_files_and_the_digest_of_their_manifest(repository):
    repository.put({"churn/3/model.onnx": b"model", "churn/3/weights/0.bin": b"w" * 1000})
    lines = [
        ManifestEntry("model.onnx", 5, hashlib.sha256(b"model").hexdigest()),
        ManifestEntry("weights/0.bin", 1000, hashlib.sha256(b"w" * 1000).hexdigest()),
    ]
    files = (FileEntry("model.onnx", 5), FileEntry("weights/0.bin", 1000))
    assert repository.folder().versions == (VersionSnapshot(3, files, digest(lines), None, settled=True),)


def test_only_clean_positive_numbers_are_versions(repository):
    names = ["1", "20", "0", "03", "+3", "-3", "3.tmp", ".3", ".3.partial", "1e3", "latest", "٣", "9" * 19, "4 "]
    repository.put({f"churn/{name}/model.onnx": b"model" for name in names})
    assert repository.numbers() == [1, 20]


def test_a_file_with_a_number_for_a_name_is_no_version(repository):
    repository.put({"churn/1": b"model", "churn/2/model.onnx": b"model"})
    os.mkfifo(repository.root / "churn" / "3")
    assert repository.numbers() == [2, 3]
    assert repository.version(3).problem == "it is a FIFO"


def test_a_folder_that_is_not_there_does_not_exist(repository):
    repository.put({"team/README.md": b""})
    snapshot = repository.scan("churn", "team/churn", "team/README.md/x")
    assert [folder.exists for folder in snapshot.folders.values()] == [False, False, False]
    assert snapshot.settles_in_s is None


def test_a_repository_that_is_not_there_has_no_folders(repository):
    repository.root.rmdir()
    assert not repository.folder().exists


def test_a_repository_that_is_a_file_is_a_problem_of_every_folder(repository):
    repository.root.rmdir()
    repository.root.write_bytes(b"")
    assert repository.folder().problem == f"the model repository {repository.root} cannot be read: Not a directory"


def test_a_folder_that_is_a_file_is_reported(repository):
    repository.put({"churn": b""})
    assert repository.folder().problem == "churn is a file, not a folder"


def test_a_folder_may_be_below_another(repository):
    repository.put({"team/churn/1/model.onnx": b"model"})
    assert repository.numbers("team/churn") == [1]


def test_the_problem_of_one_version_does_not_touch_the_others(repository):
    repository.put({f"churn/{number}/model.onnx": b"model" for number in (1, 2, 3)})
    os.mkfifo(repository.root / "churn/2/pipe")
    problems = [version.problem for version in repository.folder().versions]
    assert problems == [None, "pipe is a FIFO", None]


def test_a_rescan_of_unchanged_files_hashes_nothing(repository):
    repository.put({"churn/1/model.onnx": b"one", "churn/2/model.onnx": b"two"})
    first = repository.folder()
    assert repository.cache.misses == ["churn/1/model.onnx", "churn/2/model.onnx"]
    assert repository.folder() == first
    assert len(repository.cache.misses) == 2


def test_a_changed_file_is_hashed_again_even_with_its_old_size_and_mtime(repository):
    repository.put({"churn/1/model.onnx": b"one"})
    before, path = repository.version(), repository.root / "churn/1/model.onnx"
    old = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))
    assert repository.version().digest != before.digest


def test_a_digest_is_not_cached_while_the_ctime_could_stay_the_same(repository):
    repository.put({"churn/1/model.onnx": b"one"})
    repository.later_s = 0
    for _ in range(2):
        repository.scan("churn", settle_s=0)
    assert repository.cache.misses == ["churn/1/model.onnx"] * 2


def test_removed_files_are_dropped_from_the_cache(repository):
    repository.put({"churn/1/model.onnx": b"one", "iris/1/model.onnx": b"two"})
    repository.scan("churn", "iris")
    repository.scan("churn")
    repository.scan("churn", "iris")
    assert repository.cache.misses == ["churn/1/model.onnx", "iris/1/model.onnx", "iris/1/model.onnx"]


def test_a_version_that_changes_keeps_the_digests_of_its_other_files(repository):
    repository.put({"churn/1/model.onnx": b"one", "churn/1/weights.bin": b"large"})
    repository.scan("churn")
    repository.put({"churn/1/model.onnx": b"new"})
    repository.later_s = 0
    repository.scan("churn")
    repository.later_s = 1000
    repository.scan("churn")
    assert repository.cache.misses == ["churn/1/model.onnx", "churn/1/weights.bin", "churn/1/model.onnx"]


def test_a_copy_of_the_cache_has_its_results_and_takes_no_part_in_later_scans(repository):
    repository.put({"churn/1/model.onnx": b"one", "churn/2/model.onnx": b"two"})
    repository.scan("churn")
    copy = repository.cache.copy()
    place = repository.root.resolve(), ("churn", "1", "model.onnx")
    version = repository.root.resolve(), ("churn", "1")
    identity = _identity(repository.root / "churn/1/model.onnx")
    shutil.rmtree(repository.root / "churn/1")
    repository.scan("churn")
    assert (copy.was_complete(version), repository.cache.was_complete(version)) == (True, False)
    assert copy.content(place, identity) is not None
    assert repository.cache.content(place, identity) is None


def _identity(path: Path) -> Identity:
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def test_two_copies_of_a_version_have_one_digest(repository):
    repository.put({"churn/1/model.onnx": b"one", "churn/1/a/b": b"", "churn/2/a/b": b"", "churn/2/model.onnx": b"one"})
    assert repository.version(1).digest == repository.version(2).digest


def test_too_many_files_are_a_problem(repository):
    folder = repository.root / "churn/1/many"
    folder.mkdir(parents=True)
    for number in range(10_000):
        (folder / str(number)).touch()
    version = repository.version()
    assert version.problem == "it contains more than 10,000 files and folders"
    assert version.digest == ""


@pytest.mark.parametrize(("folders", "fine"), [(15, True), (16, False)])
def test_folders_may_be_fifteen_deep(repository, folders, fine):
    repository.put({f"churn/1/{'d/' * folders}model.onnx": b"model"})
    problem = repository.version().problem
    assert problem is None if fine else problem.endswith("/d is more than 16 folders deep"), problem


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb", r"'a\nb'"),
        ("a\x1b[31m", r"'a\x1b[31m'"),
        ("..\\..\\x", r"..\..\x"),
        (os.fsdecode(b"\xff.bin"), r"'\udcff.bin'"),
    ],
)
def test_an_ambiguous_name_is_rejected(repository, name, shown):
    repository.put({"churn/1/model.onnx": b"model", f"churn/1/{name}": b""})
    assert repository.version().problem == f"{shown} has a name with characters that are not allowed"


@pytest.mark.parametrize("folder", ["../x", "..", ".", "team/../../x", "", "/etc", "team//x"])
def test_a_folder_that_traverses_is_rejected(repository, folder):
    repository.put({"team/x/1/model.onnx": b"model"})
    (repository.root.parent / "x" / "1").mkdir(parents=True)
    found = repository.folder(folder)
    assert found.problem == f"{folder} leads elsewhere"
    assert found.versions == ()


@pytest.fixture
def unprivileged(repository):
    """The repository for a user to whom permissions apply; they do not apply to root."""
    if os.geteuid() != 0:
        yield repository
        return
    nobody = 65534
    opened = [path for path in repository.root.parents if path != Path("/") and path.stat().st_mode & 0o777 == 0o700]
    for path in opened:
        path.chmod(0o711)
    for path in (repository.root, *repository.root.rglob("*")):
        os.chown(path, nobody, nobody)
    os.chown(repository.root.parent, nobody, nobody)
    os.seteuid(nobody)
    try:
        yield repository
    finally:
        os.seteuid(0)
        for path in opened:
            path.chmod(0o700)


def test_what_may_not_be_read_is_a_problem_of_its_version_alone(unprivileged):
    unprivileged.put({f"churn/{number}/sub/model.onnx": b"model" for number in (1, 2, 3, 4)})
    unreadable = [unprivileged.root / path for path in ("churn/1/sub/model.onnx", "churn/2/sub", "churn/3")]
    for path in unreadable:
        path.chmod(0)
    try:
        problems = [version.problem for version in unprivileged.folder().versions]
    finally:
        for path in reversed(unreadable):
            path.chmod(0o700)
    assert problems == [
        "sub/model.onnx cannot be read: Permission denied",
        "sub cannot be read: Permission denied",
        "its folder cannot be read: Permission denied",
        None,
    ]


def test_a_repository_without_read_permission_is_reported(unprivileged):
    unprivileged.root.chmod(0)
    try:
        folder = unprivileged.folder()
    finally:
        unprivileged.root.chmod(0o700)
    assert folder.problem == f"the model repository {unprivileged.root} cannot be read: Permission denied"

"""Nothing outside the repository is ever read, and nothing that is not a plain file is ever opened."""

import os
import socket
from pathlib import Path

import pytest

from modelyard.repository.safe_tree import FileChanged, Tree


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    secret = tmp_path / "outside" / "secret"
    secret.write_bytes(b"secret")
    return secret


@pytest.fixture
def churn(repository) -> Path:
    """A version directory with a model in it."""
    repository.put({"churn/1/model.onnx": b"model"})
    return repository.root / "churn" / "1"


def test_a_link_that_leaves_the_repository_is_rejected(repository, churn, outside):
    (churn / "weights").symlink_to(outside)
    assert repository.version().problem == "weights is a symbolic link that leaves the repository"


@pytest.mark.parametrize("target", ["../../../outside/secret", "/etc/passwd", "/", "../../..", "..//..//../outside"])
def test_no_spelling_of_a_link_leaves_the_repository(repository, churn, outside, target):
    (churn / "weights").symlink_to(target)
    assert repository.version().problem == "weights is a symbolic link that leaves the repository"


def test_a_folder_whose_name_only_begins_like_the_repository_is_outside(repository, churn):
    beside = repository.root.with_name(repository.root.name + "-private")
    beside.mkdir()
    (churn / "weights").symlink_to(beside)
    assert repository.version().problem == "weights is a symbolic link that leaves the repository"


def test_a_link_to_the_whole_repository_is_rejected(repository, churn):
    (churn / "weights").symlink_to("../..")
    assert repository.version().problem == "weights is a symbolic link that leaves the repository"


def test_a_version_that_is_a_link_to_the_outside_is_rejected(repository, churn, outside):
    (repository.root / "churn" / "2").symlink_to(outside.parent)
    assert [version.problem for version in repository.folder().versions] == [
        None,
        "it is a symbolic link that leaves the repository",
    ]


def test_a_model_folder_that_is_a_link_to_the_outside_is_rejected(repository, outside):
    (repository.root / "churn").symlink_to(outside.parent)
    assert repository.folder().problem == "churn is a symbolic link that leaves the repository"


@pytest.mark.parametrize("absolute", [False, True])
def test_links_that_stay_inside_are_followed(repository, churn, absolute):
    repository.put({"store/blob": b"model", "store/set/a": b"a"})
    prefix = str(repository.root) if absolute else "../.."
    (repository.root / "churn" / "2").mkdir()
    (repository.root / "churn" / "2" / "model.onnx").symlink_to(f"{prefix}/store/blob")
    assert repository.version(2).digest == repository.version(1).digest
    (churn / "set").symlink_to(f"{prefix}/store/set")
    assert [file.path for file in repository.version().files] == ["model.onnx", "set/a"]


def test_a_version_and_a_folder_may_be_links_inside(repository, churn):
    (repository.root / "churn" / "2").symlink_to("1")
    (repository.root / "alias").symlink_to("churn")
    one, two = repository.folder("alias").versions
    assert one.digest == two.digest
    assert two.problem is None


def test_an_absolute_link_may_name_the_root_through_a_link(repository, churn, tmp_path):
    (tmp_path / "alias").symlink_to(repository.root)
    repository.root = tmp_path / "alias"
    (churn / "again").symlink_to(tmp_path / "alias" / "churn" / "1" / "model.onnx")
    assert repository.version().problem is None


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("nothing", "is a symbolic link to nothing"),
        ("link", "is a symbolic link to another link"),
        ("other", "is a symbolic link to another link"),
        ("other/x", "is a symbolic link through another link, or through a file"),
        (".", "is a symbolic link to a folder that contains it"),
        ("../2", "is a symbolic link to nothing"),
    ],
)
def test_links_to_links_cycles_and_broken_links_are_rejected(repository, churn, target, problem):
    (churn / "link").symlink_to(target)
    (churn / "other").symlink_to("model.onnx")
    assert repository.version().problem == f"link {problem}"


def test_a_fan_of_links_to_folders_is_bounded(repository, churn):
    for depth in range(15):
        folder = repository.root / "fan" / str(depth)
        folder.mkdir(parents=True)
        for name in "abcd":
            (folder / name).symlink_to(f"../{depth + 1}")
    (repository.root / "fan" / "15").mkdir()
    (churn / "fan").symlink_to("../../fan/0")
    assert repository.version().problem == "it contains more than 10,000 files and folders"


def test_a_hard_link_is_rejected(repository, churn, outside):
    (churn / "weights").hardlink_to(outside)
    assert repository.version().problem == "weights has hard links"


def test_a_link_to_a_file_with_hard_links_is_rejected(repository, churn, outside):
    (repository.root / "store").hardlink_to(outside)
    (churn / "weights").symlink_to("../../store")
    assert repository.version().problem == "weights has hard links"


def test_a_fifo_is_rejected_without_waiting(repository, churn):
    os.mkfifo(churn / "weights")
    assert repository.version().problem == "weights is a FIFO"


def test_a_socket_is_rejected(repository, churn, monkeypatch):
    monkeypatch.chdir(churn)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("weights")
        assert repository.version().problem == "weights is a socket"


def test_a_device_is_rejected(repository, churn):
    try:
        os.mknod(churn / "weights", 0o600 | 0o020000, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root may make a device")
    assert repository.version().problem == "weights is a device"


@pytest.mark.parametrize("kind", ["fifo", "link", "file", "nothing", "folder"])
def test_a_file_that_is_swapped_after_its_check_is_not_read(repository, churn, outside, kind):
    """A file that replaces another between the check and the open is not trusted, and does not block."""
    path = churn / "model.onnx"
    with Tree(repository.root) as tree:
        found = tree.find("churn/1/model.onnx")
        path.rename(repository.root / "aside")
        match kind:
            case "fifo":
                os.mkfifo(path)
            case "link":
                path.symlink_to(outside)
            case "file":
                path.write_bytes(b"other")
            case "folder":
                path.mkdir()
        with pytest.raises((FileChanged, OSError)), tree.open(found) as stream:
            stream.read()


def test_a_folder_that_is_swapped_for_a_link_is_not_entered(repository, churn, outside):
    (outside.parent / "model.onnx").write_bytes(b"model")
    with Tree(repository.root) as tree:
        found = tree.find("churn/1/model.onnx")
        churn.rename(repository.root / "aside")
        churn.symlink_to(outside.parent)
        with pytest.raises(NotADirectoryError), tree.open(found) as stream:
            stream.read()


def test_a_file_that_changes_while_it_is_read_is_reported(repository, churn):
    with Tree(repository.root) as tree:
        found = tree.find("churn/1/model.onnx")
        with pytest.raises(FileChanged, match=r"^churn/1/model\.onnx$"), tree.open(found) as stream:
            stream.read(1)
            (churn / "model.onnx").write_bytes(b"MODEL and more")

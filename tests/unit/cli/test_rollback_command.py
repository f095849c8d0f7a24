"""`modelyard rollback` without a running server: what it writes, and what it rejects."""

import pytest

from tests.unit.cli.project_folder import ProjectFolder


def publish(project: ProjectFolder, *numbers: int) -> None:
    for number in numbers:
        folder = project.repository / "churn" / str(number)
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(b"weights")


def test_the_version_before_is_written_into_the_file_and_the_change_shown(project: ProjectFolder):
    publish(project, 1, 2, 3)
    project.model("churn", "replicas: 2  # busy\n")
    done = project.run("rollback", "churn")
    assert done.exit_code == 0, done.output
    assert (project.config / "models/churn.yaml").read_text() == "name: churn\nversions: [2]\nreplicas: 2  # busy\n"
    assert "+versions: [2]" in done.stdout
    assert "no server is running" in done.stdout


def test_a_rollback_is_undone_with_the_versions_number(project: ProjectFolder):
    publish(project, 1, 2)
    project.model("churn", "versions: all\n")
    assert project.run("rollback", "churn").exit_code == 0
    assert "default: 1\n" in (project.config / "models/churn.yaml").read_text()
    assert project.run("rollback", "churn", "--to", "2").exit_code == 0
    assert (project.config / "models/churn.yaml").read_text() == "name: churn\ndefault: 2\nversions: all\n"


def test_a_dry_run_shows_the_change_and_writes_nothing(project: ProjectFolder):
    publish(project, 1, 2)
    project.model("churn")
    done = project.run("rollback", "churn", "--dry-run")
    assert (done.exit_code, "+versions: [1]" in done.stdout) == (0, True)
    assert (project.config / "models/churn.yaml").read_text() == "name: churn\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("churm",), "no model 'churm' is configured; did you mean 'churn'?"),
        (("churn", "--to", "9"), "there is no complete version 9 in churn: there is 2, 1"),
        (("churn", "--to", "2"), "version 2 of churn is already the default"),
    ],
)
def test_an_impossible_rollback_is_rejected_and_writes_nothing(
    project: ProjectFolder, arguments: tuple[str, ...], reason: str
):
    publish(project, 1, 2)
    project.model("churn")
    done = project.run("rollback", *arguments)
    assert done.exit_code == 1
    assert done.stderr.endswith(f": error: {reason}\n")
    assert (project.config / "models/churn.yaml").read_text() == "name: churn\n"


def test_a_version_that_cannot_be_served_is_rejected(project: ProjectFolder):
    publish(project, 1, 2)
    (project.repository / "churn" / "1" / "model.onnx").rename(project.repository / "churn" / "1" / "model.pkl")
    project.model("churn")
    done = project.run("rollback", "churn")
    assert done.exit_code == 1
    assert "version 1" in done.stderr
    assert (project.config / "models/churn.yaml").read_text() == "name: churn\n"


def test_the_files_mode_its_link_and_its_byte_order_mark_stay(project: ProjectFolder):
    publish(project, 1, 2)
    target = project.root / "churn-elsewhere.yaml"
    target.write_bytes(b"\xef\xbb\xbfname: churn\n")
    target.chmod(0o640)
    link = project.config / "models/churn.yaml"
    link.symlink_to(target)
    assert project.run("rollback", "churn").exit_code == 0
    assert link.is_symlink()
    assert target.read_bytes() == b"\xef\xbb\xbfname: churn\nversions: [1]\n"
    assert target.stat().st_mode & 0o777 == 0o640
    assert not list(project.root.glob(".*.partial"))

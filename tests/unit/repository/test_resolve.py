from pathlib import Path

import pytest

from modelyard.config.model_spec import ModelSpec
from modelyard.repository.resolve import Rejected, Resolved, ServedVersion, resolve, resolve_all
from modelyard.repository.snapshot import FileEntry, FolderSnapshot, Snapshot, VersionSnapshot


def version(number: int, *files: str, problem: str | None = None, settled: bool = True, was_settled: bool = False):
    """A version whose files have ten bytes, or none if the name ends with an exclamation mark."""
    entries = tuple(FileEntry(name.rstrip("!"), 0 if name.endswith("!") else 10) for name in files or ["model.onnx"])
    digest = f"sha256:{number}" if settled and not problem else ""
    return VersionSnapshot(number, entries, digest, problem, settled, was_settled)


def folder(*versions: VersionSnapshot, exists: bool = True, problem: str | None = None) -> FolderSnapshot:
    return FolderSnapshot("churn", exists, versions, problem)


def spec(**keys) -> ModelSpec:
    return ModelSpec(name="churn", **keys)


@pytest.mark.parametrize(
    ("file", "keys", "runtime"),
    [
        ("model.onnx", {}, "onnx"),
        ("model.onnx", {"runtime": "onnx"}, "onnx"),
        ("model.skops", {}, "sklearn"),
        ("model.skops", {"runtime": "sklearn"}, "sklearn"),
        ("model.joblib", {"trusted": True}, "sklearn"),
        ("model.pkl", {"trusted": True}, "sklearn"),
        ("churn.py", {"trusted": True, "runtime": "python:churn:Model"}, "python"),
        ("pkg/sub.py", {"trusted": True, "runtime": "python:pkg.sub:Model"}, "python"),
        ("pkg/__init__.py", {"trusted": True, "runtime": "python:pkg:Model"}, "python"),
    ],
)
def test_the_artefact_determines_the_runtime(file, keys, runtime):
    model = spec(**keys)
    assert resolve(model, folder(version(3, file))) == Resolved(model, runtime, (ServedVersion(3, "sha256:3"),))


def test_a_python_model_may_bring_any_other_files():
    files = ["churn.py", "model.onnx", "model.pkl", "lib/__init__.py!"]
    resolved = resolve(spec(runtime="python:churn:Model", trusted=True), folder(version(1, *files)))
    assert isinstance(resolved, Resolved)
    assert resolved.runtime == "python"


def test_versions_are_served_newest_first():
    resolved = resolve(spec(versions="all"), folder(version(1), version(2), version(10)))
    assert [served.number for served in resolved.versions] == [10, 2, 1]


@pytest.mark.parametrize(
    ("keys", "served", "default"),
    [
        ({}, [2], 2),
        ({"default": 1}, [2, 1], 1),
        ({"versions": "all"}, [2, 1], 2),
        ({"version_labels": {"stable": 1, "next": 2}}, [2, 1], 2),
        ({"version_labels": {"stable": 1, "next": 2}, "default": "stable"}, [2, 1], 1),
    ],
)
def test_a_default_and_labels_keep_their_versions_next_to_a_newer_one(keys, served, default):
    resolved = resolve(spec(**keys), folder(version(1), version(2)))
    assert [each.number for each in resolved.versions] == served
    assert resolved.default == default


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"default": 7}, "default"),
        ({"version_labels": {"stable": 7}}, "version_labels"),
        ({"version_labels": {"stable": 7}, "default": "stable"}, "version_labels"),
        ({"versions": [7, 1], "default": 7}, "versions"),
    ],
)
def test_a_named_version_that_does_not_exist_rejects_the_model_at_its_key(keys, key):
    rejected = resolve(spec(**keys), folder(version(1), version(2)))
    assert isinstance(rejected, Rejected)
    assert rejected.reason == "version 7 is not in churn: there is 2, 1"
    assert rejected.key == key


def test_a_version_that_is_still_being_written_is_passed_over():
    resolved = resolve(spec(), folder(version(1), version(2, settled=False)))
    assert [served.number for served in resolved.versions] == [1]


PICKLE = (
    "a pickle, which can run any code when it is loaded: save the model as skops or ONNX instead, or, if you trust "
    "its author, set `trusted: true` in the model's YAML"
)


@pytest.mark.parametrize(
    ("keys", "seen", "reason", "place"),
    [
        ({}, folder(exists=False), "there is no folder churn in the model repository", None),
        ({}, folder(problem="churn is a file, not a folder"), "churn is a file, not a folder", "churn"),
        (
            {},
            folder(),
            "there is no version in churn: a version is a folder whose name is a number, such as churn/1",
            "churn",
        ),
        (
            {},
            folder(version(1, settled=False), version(2, settled=False, problem="it contains .incomplete")),
            "there is no complete version in churn: versions 1, 2 (it contains .incomplete) are still being written",
            "churn",
        ),
        (
            {"versions": [1, 2, 4]},
            folder(version(1), version(3)),
            "versions 4, 2 are not in churn: there is 3, 1",
            "churn",
        ),
        ({"versions": [4]}, folder(), "version 4 is not in churn: there is none", "churn"),
        (
            {"versions": [1, 2]},
            folder(version(1), version(2, settled=False)),
            "version 2 is still being written",
            "churn",
        ),
        (
            {},
            folder(version(1), version(2, problem="pipe is a FIFO")),
            "version 2 cannot be served: pipe is a FIFO",
            "churn/2",
        ),
        (
            {},
            folder(version(1), version(2, settled=False, was_settled=True, problem="it contains .incomplete")),
            "version 2 is being changed in place (it contains .incomplete): waiting for it to complete",
            "churn/2",
        ),
        (
            {},
            folder(version(1, "model.onnx", "model.skops")),
            "version 1 contains model.onnx and model.skops: a version must contain one model only",
            "churn/1/model.onnx",
        ),
        (
            {"runtime": "onnx"},
            folder(version(1, "model.skops")),
            "version 1 contains model.skops, which needs `runtime: sklearn`, but the model's YAML says `runtime: onnx`",
            "churn/1/model.skops",
        ),
        ({}, folder(version(1, "model.joblib")), f"version 1 contains model.joblib, {PICKLE}", "churn/1/model.joblib"),
        ({}, folder(version(1, "model.pkl")), f"version 1 contains model.pkl, {PICKLE}", "churn/1/model.pkl"),
        (
            {"runtime": "python:churn:Model"},
            folder(version(1, "churn.py")),
            "version 1 contains churn.py, which is code that the server would run: save the model as skops or ONNX instead, "
            "or, if you trust its author, set `trusted: true` in the model's YAML",
            "churn/1/churn.py",
        ),
        (
            {"runtime": "python:a.b:Model", "trusted": True},
            folder(version(1, "a.py")),
            "version 1 does not contain the module a.b: neither a/b.py nor a/b/__init__.py exists",
            "churn/1",
        ),
        (
            {"runtime": "python:churn:Model", "trusted": True},
            folder(version(1, "churn.py!")),
            "version 1 contains an empty file, churn.py",
            "churn/1/churn.py",
        ),
        ({}, folder(version(1, "model.onnx!")), "version 1 contains an empty file, model.onnx", "churn/1/model.onnx"),
        (
            {},
            folder(version(1, "model.onnx", "weights.bin!")),
            "version 1 contains an empty file, weights.bin",
            "churn/1/weights.bin",
        ),
        (
            {"versions": "all"},
            folder(version(1, "model.skops"), version(2, "model.onnx")),
            "version 2 needs the runtime onnx and version 1 needs sklearn: all served versions of a model must have "
            "the same runtime",
            "churn/1",
        ),
    ],
)
def test_a_rejection_has_a_reason_and_a_place(keys, seen, reason, place):
    assert resolve(spec(**keys), seen) == Rejected("churn", reason, place)


@pytest.mark.parametrize(
    ("files", "advice"),
    [
        ([], "it is empty"),
        (["churn.onnx"], "churn.onnx is an ONNX model: name it model.onnx"),
        (["my/churn.py"], "if my/churn.py is the model, set `runtime: python:my.churn:<Class>` in the model's YAML"),
        (
            ["my/churn/__init__.py"],
            "if my/churn/__init__.py is the model, set `runtime: python:my.churn:<Class>` in the model's YAML",
        ),
        (["README.md"], "it contains README.md"),
        (list("abcde"), "it contains a, b, c, d, e"),
        (list("abcdef"), "it contains a, b, c, d, e and 1 more"),
        (list("abcdefg"), "it contains a, b, c, d, e and 2 more"),
    ],
)
def test_a_version_without_an_artefact_is_rejected_with_advice(files, advice):
    empty = VersionSnapshot(1, tuple(FileEntry(name, 1) for name in files), "sha256:1", None, settled=True)
    rejected = resolve(spec(), folder(empty))
    assert rejected.reason == (f"version 1 contains none of model.onnx, model.skops, model.joblib, model.pkl: {advice}")
    assert rejected.place == "churn/1"


def test_an_older_version_with_a_problem_does_not_matter_unless_it_is_served():
    seen = folder(version(1, problem="pipe is a FIFO"), version(2))
    assert isinstance(resolve(spec(), seen), Resolved)
    assert isinstance(resolve(spec(versions="all"), seen), Rejected)


def test_every_spec_is_resolved_with_its_own_folder():
    snapshot = Snapshot(
        Path("repository"),
        {"churn": folder(version(1)), "team/iris": FolderSnapshot("team/iris", False, ())},
        None,
    )
    first, second = resolve_all([ModelSpec(name="iris", path="team/iris"), spec()], snapshot)
    assert first == Rejected("iris", "there is no folder team/iris in the model repository", None)
    assert isinstance(second, Resolved)


def test_a_model_whose_files_are_larger_than_the_memory_of_its_pool_is_rejected() -> None:
    seen = folder(version(1, "model.onnx"), version(2, "model.onnx", "model.onnx_data"))
    snapshot = Snapshot(Path("/models"), {"churn": seen}, None)

    def resolved(budget_bytes: int, **keys: object) -> Resolved | Rejected:
        [model] = resolve_all([spec(**keys)], snapshot, {"small": budget_bytes})
        return model

    reason = "the files of the served versions have 20 B, and the models of pool 'small' may use 19 B"
    assert resolved(19, pool="small") == Rejected("churn", reason, "churn", "pool")
    assert isinstance(resolved(20, pool="small"), Resolved)
    assert isinstance(resolved(20, pool="small", versions="all"), Rejected), "both are loaded"
    assert isinstance(resolved(1), Resolved), "it is in no pool"

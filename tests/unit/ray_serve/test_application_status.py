"""States and reasons, from messages in the form of Ray Serve 2.60 (ray/serve/_private/deployment_state.py)."""

from enum import Enum

import pytest

from modelyard.ray_serve.application_status import (
    MAX_REASON_CHARS,
    Deployed,
    describe_error,
    is_unlisted,
    reason_in,
    reason_of,
    state_of,
    text_of,
)

RAY_HEAD = (
    "\x1b[36mray::ServeReplica:churn:model.initialize_and_get_metadata()\x1b[39m (pid=4711, ip=127.0.0.1, "
    "actor_id=a1b2, repr=<ray.serve._private.replica.ServeReplica object at 0x7f>)"
)
"""Ray's replacement for the line `Traceback (most recent call last):`."""
RETRYING = "A replica failed to start with exception. Retrying 1 more time(s). Error:\n"
FAILED = (
    "The deployment failed to start 2 times in a row. This may be due to a problem with its constructor or initial health "
    "check failing. See controller logs for details. Error:\n"
)
ROLLING = (
    "The deployment failed to start 2 times in a row during a rolling update. This may be due to a problem with its "
    "constructor, initial health check or health checks failing. The update is stopped and replicas of the previous version "
    "keep running until a new deploy. See controller logs for details. Error:\n"
)
NO_ROOM = (
    "Deployment 'model' in application 'churn' has 1 replicas that have taken more than 5s to be scheduled. This may be due to "
    "waiting for the cluster to auto-scale or for a runtime environment to be installed. Resources required for each "
    'replica: {"CPU": 8.0, "memory": 1073741824.0}, total resources available: {"CPU": 1.5}. Use `ray status` for more details.'
)
SLOW = (
    "Deployment 'model' in application 'churn' has 1 replicas that have taken more than 5s to initialize.\n"
    "This may be caused by a slow __init__ or reconfigure method."
)


def traceback(*raised: str, link: str = "The above exception was the direct cause of the following exception") -> str:
    """A constructor's exceptions in Serve's report: the cause first."""
    frames = '  File "modelyard/replica/deployment.py", line 52, in __init__\n    loaded = await self._load(args)\n       ^^^^^\n'
    shown = [f"{frames}{text}\n" for text in raised]
    inner = f"\n{link}:\n\n{RAY_HEAD}\n".join(shown)
    return f"{RAY_HEAD}\nRuntimeError: Traceback (most recent call last):\n{inner}"


DIED = """\
ActorDiedError(error_message: "The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR"
node_ip_address: "127.0.0.1"
class_name: "ServeReplica:churn:model"
)"""


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (["modelyard.runtimes.base.LoadError: no such class Model"], "no such class Model"),
        (["modelyard.runtimes.base.LoadError: made by 1.3\ninstalled is 1.9"], "made by 1.3\ninstalled is 1.9"),
        (
            ["ImportError: no module x", "modelyard.runtimes.base.LoadError: model.py: no module x"],
            "model.py: no module x",
        ),
        (["modelyard.runtimes.base.LoadError: first", "KeyError: 'second'"], "first"),
        (["modelyard.inference.warmup.WarmupFailed: its example: ValueError: 3"], "its example: ValueError: 3"),
        (["modelyard.repository.verified_read.ArtefactChanged: model.onnx changed"], "model.onnx changed"),
        (["modelyard.repository.verified_read.ArtefactUnreadable: gone"], "gone"),
        (
            ["TimeoutError: the model did not load within load_timeout_s (2 s)"],
            "the model did not load within load_timeout_s (2 s)",
        ),
        (["ValueError: bad: worse"], "ValueError: bad: worse"),
        (["ModuleNotFoundError: No module named 'x'", "RuntimeError"], "RuntimeError"),
        (["model.Broken: a class that is not called an error"], "Broken: a class that is not called an error"),
        (["AssertionError"], "AssertionError"),
        (["MemoryError"], "out of memory (resources.memory is the limit): allocation failed"),
        (
            ["numpy._core._exceptions._ArrayMemoryError: Unable to allocate 8.00 GiB"],
            "out of memory (resources.memory is the limit): Unable to allocate 8.00 GiB",
        ),
        (
            ['  File "model.py", line 3\n    def load(:\n             ^\nSyntaxError: invalid syntax'],
            "SyntaxError: invalid syntax",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
@pytest.mark.parametrize("head", [RETRYING, FAILED, ROLLING], ids=["retrying", "failed", "rolling"])
def test_the_reason_is_the_last_exception_without_its_tracebacks(head, raised, reason):
    assert reason_in(head + traceback(*raised)) == reason


def test_an_exception_raised_while_another_was_handled_is_the_reason():
    during = "During handling of the above exception, another exception occurred"
    assert reason_in(RETRYING + traceback("KeyError: 'a'", "ValueError: b", link=during)) == "ValueError: b"


def test_a_build_that_failed_has_a_reason():
    message = (
        "Deploying app 'churn' failed with exception:\nTraceback (most recent call last):\n"
        '  File "ray/serve/_private/application_state.py", line 1, in build_serve_application\n    app = build(args)\n'
        "ImportError: cannot import name 'build' from 'their.app'\n"
    )
    assert reason_in(message) == "ImportError: cannot import name 'build' from 'their.app'"


@pytest.mark.parametrize("error", [DIED, "ActorDiedError()", "The actor died unexpectedly before finishing this task."])
def test_the_death_of_a_replicas_process_is_the_reason(error):
    assert reason_in(RETRYING + error) == "the replica's process died while it started (out of memory, or killed)"


def test_an_error_without_a_traceback_is_the_reason():
    assert reason_in(ROLLING + "A replica of the new version failed its health check.") == (
        "A replica of the new version failed its health check."
    )


@pytest.mark.parametrize(
    "message", ["", "Upscaling from 1 to 2 replicas.", NO_ROOM, SLOW, "Error: in the middle of a sentence"]
)
def test_a_message_without_a_failure_has_no_reason(message):
    assert reason_in(message) == ""


def test_a_very_long_reason_is_cut():
    reason = reason_in(RETRYING + traceback("modelyard.runtimes.base.LoadError: " + "x" * 5000))
    assert len(reason) == MAX_REASON_CHARS
    assert reason.endswith("x…")


UNHEALTHY = "A replica's health check failed. This deployment will be UNHEALTHY until the replica recovers or a new deploy happens."
BROKEN = RETRYING + traceback("ValueError: bad")


@pytest.mark.parametrize(
    ("deployed", "state", "reason"),
    [
        (Deployed("RUNNING", {"RUNNING": 2}), "READY", ""),
        (Deployed("RUNNING", {}), "READY", ""),
        (Deployed("DEPLOYING", {"STARTING": 1}), "LOADING", ""),
        (Deployed("DEPLOYING", {}, SLOW), "LOADING", ""),
        (Deployed("NOT_STARTED", {}), "LOADING", ""),
        (Deployed("DEPLOYING", {"RUNNING": 1, "STARTING": 1}), "READY", ""),
        (Deployed("DEPLOYING", {"UPDATING": 1}), "READY", ""),
        (Deployed("DEPLOYING", {"RUNNING": 1}, BROKEN), "READY", "ValueError: bad"),
        (Deployed("DEPLOY_FAILED", {"RUNNING": 1}, BROKEN), "READY", "ValueError: bad"),
        (Deployed("DEPLOYING", {"STARTING": 1}, BROKEN), "UNAVAILABLE", "ValueError: bad"),
        (Deployed("DEPLOY_FAILED", {}, BROKEN), "UNAVAILABLE", "ValueError: bad"),
        (Deployed("UNHEALTHY", {}, UNHEALTHY), "UNAVAILABLE", UNHEALTHY),
        (Deployed("DELETING", {"STOPPING": 1}), "UNAVAILABLE", ""),
        (
            Deployed("DEPLOYING", {"STARTING": 1}, NO_ROOM),
            "LOADING",
            "insufficient resources for a replica that needs 8 CPU (1.5 CPU free) and 1024 MiB (0 MiB free): "
            "lower resources.cpus or resources.memory",
        ),
    ],
)
def test_a_model_is_ready_while_any_replica_responds(deployed, state, reason):
    assert (state_of(deployed), reason_of(deployed)) == (state, reason)


def test_a_model_unknown_to_serve_is_unavailable():
    assert state_of(None) == "UNAVAILABLE"


class Status(str, Enum):  # noqa: UP042 - as Serve's own
    RUNNING = "RUNNING"


def test_a_status_may_be_a_member_of_an_enumeration():
    assert [text_of(status) for status in ("RUNNING", Status.RUNNING)] == ["RUNNING", "RUNNING"]
    assert type(text_of(Status.RUNNING)) is str


@pytest.mark.parametrize(
    ("status", "deployments", "unlisted"),
    [
        ("DEPLOYING", [], True),
        ("DEPLOY_FAILED", [], True),
        ("DEPLOYING", ["model"], False),
        ("RUNNING", [], False),
        ("DELETING", [], False),
    ],
)
def test_an_application_that_serve_builds_may_have_replicas_that_serve_does_not_list(status, deployments, unlisted):
    assert is_unlisted(status, deployments) is unlisted


@pytest.mark.parametrize("length", [999, 1000, 1001])
def test_a_reason_has_at_most_a_thousand_characters(length):
    reason = describe_error("LoadError", "x" * length)
    assert reason == ("x" * length if length <= 1000 else "x" * 999 + "…")


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        ("TimeoutError", "", "TimeoutError"),
        ("TimeoutError", "late", "late"),
        ("KeyError", "late", "KeyError: late"),
        ("LoadError", " text\n", "text"),
        ("MemoryError", "", "out of memory (resources.memory is the limit): allocation failed"),
    ],
)
def test_an_error_is_described_by_its_class_and_message(kind, text, reason):
    assert describe_error(kind, text) == reason


@pytest.mark.parametrize(
    ("required", "free", "reason"),
    [
        ('{"CPU": 8.0, "memory": 1073741824.0}', '{"CPU": 8.0, "memory": 1073741824.0}', ""),
        ('{"CPU": 8.0}', '{"CPU": 7.5}', "needs 8 CPU (7.5 CPU free)"),
        ('{"CPU": 8.0, "GPU": 1.0}', '{"CPU": 8.0}', "needs 8 CPU (8 CPU free) and 1 GPU (0 GPU free)"),
    ],
)
def test_a_replica_waits_only_for_what_is_not_free(required, free, reason):
    message = f"Resources required for each replica: {required}, total resources available: {free}."
    found = reason_of(Deployed("DEPLOYING", {"STARTING": 1}, message))
    assert found == (
        reason and f"insufficient resources for a replica that {reason}: lower resources.cpus or resources.memory"
    )

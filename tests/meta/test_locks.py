"""The locked versions: the server's packages do not include what only examples and tests need, and all lock files agree."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def locked(name: str) -> dict[str, str]:
    """Versions by package."""
    found = dict(re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==([\w.+!-]+)", (ROOT / name).read_text(), re.M))
    assert found
    return found


def test_the_examples_are_trained_with_packages_that_no_server_has() -> None:
    examples = locked("requirements-examples.lock")
    assert {"pandas", "skl2onnx"} <= examples.keys()
    assert examples.keys() & locked("requirements.lock").keys() == set()


def test_the_tests_run_on_the_versions_that_serve_and_train() -> None:
    served = {**locked("requirements.lock"), **locked("requirements-examples.lock")}
    tested = locked("requirements-dev.lock")
    assert {name: tested.get(name) for name in served} == served

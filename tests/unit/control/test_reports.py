"""Several reports as one."""

from typing import Any

import pytest

from modelyard.config.diagnostic import SpecError
from modelyard.control.plan import Action
from modelyard.control.reports import Reports
from modelyard.control.status import ModelStatus

STATUS = ModelStatus("a", "READY", ("1",), "sha256:ab", "onnx", 1, 1, "", "", changing=False)
ACTIONS = (Action("add", "a", "version 1 (ab)"),)
CALLS: list[tuple[str, tuple[Any, ...]]] = [
    ("starting", ("starting Ray",)),
    ("progress", ([STATUS],)),
    ("started", ([STATUS], "curl", "metrics")),
    ("mistakes", (SpecError(()),)),
    ("applied", (ACTIONS,)),
    ("awaits", (ACTIONS, "why")),
    ("changed", (STATUS,)),
    ("trouble", ("the disk is full",)),
]


class Recorded:
    """Records each call; then raises, if it is broken."""

    def __init__(self, error: Exception | None = None) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self._error = error

    def __getattr__(self, name: str) -> Any:
        def call(*values: Any) -> None:
            self.calls.append((name, values))
            if self._error:
                raise self._error

        return call


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call[0])
def test_each_report_gets_what_happens_even_if_one_before_it_fails(call: tuple[str, tuple[Any, ...]]):
    broken, whole = Recorded(OSError("no terminal")), Recorded()
    name, values = call
    getattr(Reports(broken, whole), name)(*values)
    assert broken.calls == whole.calls == [call]


def test_an_error_that_is_not_of_the_device_is_raised():
    with pytest.raises(ValueError, match="a mistake"):
        Reports(Recorded(ValueError("a mistake")), Recorded()).trouble("x")

"""A large skops file does not stop the other threads of its process while it is parsed."""

import sys
from types import FrameType
from typing import Any

import numpy as np
import skops.io
from sklearn.linear_model import LogisticRegression

from modelyard.runtimes.sklearn.artefact import (
    read,  # noqa: F401 - replaces the parser
    skops_json,
)


def test_skops_parses_a_file_with_a_parser_that_can_be_interrupted_after_each_object():
    content = skops.io.dumps(LogisticRegression().fit([[0.0], [1.0]], [0, 1]))
    interruptible, calls = skops_json._unchanged.__code__, []

    def profile(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call" and frame.f_code is interruptible:
            calls.append(frame)

    sys.setprofile(profile)
    try:
        model = skops.io.loads(content)
    finally:
        sys.setprofile(None)
    assert len(calls) > 10
    assert np.array_equal(model.predict([[0.0], [1.0]]), [0, 1])

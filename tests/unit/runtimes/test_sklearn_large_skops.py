"""A large skops file does not stop the other threads of its process while it is read."""

import os
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from modelyard.config.model_spec import ModelSpec
from modelyard.runtimes.sklearn.artefact import read, skops_json


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


def test_a_large_file_is_read_through_a_file_of_the_kernel_that_is_closed_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = np.random.default_rng(7).random((read.LARGE_BYTES // 8, 1))
    content = skops.io.dumps(KNeighborsClassifier(1, algorithm="brute").fit(rows, np.arange(len(rows)) % 2))
    made: list[str] = []
    create = os.memfd_create
    monkeypatch.setattr(os, "memfd_create", lambda name: made.append(name) or create(name))
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    artefact = read.read_estimator({read.SKOPS: content}, ModelSpec(name="near"))
    assert made == [read.SKOPS]
    assert len(list(descriptors.iterdir())) == before
    assert artefact.estimator.predict(rows[:5]).tolist() == [0, 1, 0, 1, 0]


def test_a_small_file_is_read_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "memfd_create", None)
    content = skops.io.dumps(LogisticRegression().fit([[0.0], [1.0]], [0, 1]))
    assert read.read_estimator({read.SKOPS: content}, ModelSpec(name="small")).estimator.predict([[1.0]]) == [1]

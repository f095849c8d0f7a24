"""A placeholder in place of a model file is rejected before a replica starts."""

import pickle

import pytest
from onnx import TensorProto, helper

from modelyard.repository.pointer_files import pointer_file, pointer_problem

POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
    b"size 12345\n"
)
PAGES = [
    b"<!DOCTYPE html>\n<html><head><title>Sign in</title>",
    b"\n\n<html lang='en'>",
    b"\xef\xbb\xbf<!doctype HTML>",
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code>',
    b"<Error><Code>AccessDenied</Code></Error>",
    b"<!-- GitHub -->\n<html>",
]
JSON = [b'{"error": "Repository not found"}', b'{\n  "message": "Not Found",\n']


@pytest.mark.parametrize("path", ["model.onnx", "model.joblib", "weights.bin", "data/model.safetensors"])
def test_a_git_lfs_pointer_is_rejected_whatever_its_name(repository, path):
    repository.put({"churn/1/model.onnx": b"model", f"churn/1/{path}": POINTER})
    assert repository.version().problem == (
        f"{path} is a Git LFS pointer, not the file itself: run `git lfs pull` in the checkout, and copy the file again"
    )


@pytest.mark.parametrize("path", ["model.onnx", "model.skops", "model.joblib", "model.pkl"])
@pytest.mark.parametrize("content", PAGES)
def test_a_page_that_was_saved_as_a_model_is_rejected(repository, path, content):
    repository.put({f"churn/1/{path}": content})
    assert (repository.version().problem or "").startswith(f"{path} is an HTML or XML page, not a model: ")


@pytest.mark.parametrize("content", JSON)
def test_a_json_response_that_was_saved_as_a_model_is_rejected(repository, content):
    repository.put({"churn/1/model.pkl": content})
    assert (repository.version().problem or "").startswith("model.pkl is JSON text, not a model: ")


def test_pages_and_json_next_to_a_model_are_accepted(repository):
    repository.put({"churn/1/model.onnx": b"model", "churn/1/about.html": PAGES[0], "churn/1/example.json": JSON[0]})
    assert repository.version().problem is None


def test_a_file_that_was_read_before_is_rejected_again_without_a_read(repository):
    repository.put({"churn/1/model.onnx": POINTER})
    first = repository.version().problem
    read = len(repository.cache.misses)
    assert repository.version().problem == first
    assert len(repository.cache.misses) == read == 1


def test_the_same_file_under_another_name_is_judged_by_that_name(repository):
    repository.put({"churn/1/page.html": PAGES[0]})
    (repository.root / "churn" / "1" / "model.onnx").symlink_to("page.html")
    assert (repository.version().problem or "").startswith("model.onnx is an HTML or XML page")


def _onnx() -> bytes:
    x = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 2]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", x[:1], x[1:])
    return bytes(helper.make_model(graph).SerializeToString())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        _onnx(),
        *(pickle.dumps({"<html>": 1}, protocol) for protocol in range(6)),
        b"PK\x03\x04<html>",
        b"\x1f\x8b",
    ],
)
def test_the_content_of_a_real_file_is_not_a_placeholder(content):
    assert pointer_file(content) == ""
    assert pointer_problem("model.onnx", "") == ""

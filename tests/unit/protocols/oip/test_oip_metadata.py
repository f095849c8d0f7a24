"""The metadata and configuration of a model."""

from types import SimpleNamespace
from typing import Any

import pytest

from modelyard.config.model_spec import ModelSpec
from modelyard.protocols.oip.metadata import config_of, metadata_of, model_config, model_metadata
from modelyard.protocols.oip.tensors import DATATYPES
from modelyard.tensors import FREE, Signature, TensorSpec
from tests.unit.protocols.samples import IRIS, MIXED, WHOLE, one

SINGLE = {"dims": [1], "reshape": {"shape": []}}
"""A row that is a single value in Triton's configuration."""


def spec(**members: Any) -> ModelSpec:
    return ModelSpec.model_validate({"name": "m", **members})


def test_metadata_lists_versions_in_rising_order_and_all_tensors() -> None:
    assert model_metadata("iris", "sklearn", [10, 9], IRIS, batched=True) == {
        "name": "iris",
        "versions": ["9", "10"],
        "platform": "sklearn",
        "inputs": [{"name": "X", "datatype": "FP32", "shape": [-1, 4]}],
        "outputs": [
            {"name": "label", "datatype": "BYTES", "shape": [-1]},
            {"name": "scores", "datatype": "FP32", "shape": [-1, 3]},
        ],
    }


def test_the_shape_is_the_one_that_requests_are_checked_against() -> None:
    columns = Signature((TensorSpec("x", "FP32", (FREE, FREE), ("a", "b")),), ())
    assert model_metadata("m", "onnx", [1], columns, batched=False)["inputs"][0]["shape"] == [-1, 2]


def test_a_model_that_batches_is_configured_by_the_row() -> None:
    config = model_config(spec(batching={"max_size": 16, "max_delay_ms": 2.5}), "onnx", MIXED, batched=True)
    assert config["max_batch_size"] == 16
    assert config["dynamic_batching"] == {"max_queue_delay_microseconds": 2500}
    assert config["input"] == [
        {"name": "numbers", "data_type": "TYPE_FP64", "dims": [2], "format": "FORMAT_NONE"},
        {"name": "city", "data_type": "TYPE_STRING", "dims": [1], "format": "FORMAT_NONE"},
        {"name": "member", "data_type": "TYPE_BOOL", **SINGLE, "format": "FORMAT_NONE"},
        {"name": "visits", "data_type": "TYPE_INT8", **SINGLE, "format": "FORMAT_NONE", "optional": True},
    ]
    assert config["output"] == [{"name": "y", "data_type": "TYPE_FP64", **SINGLE}]
    assert (config["platform"], config["backend"]) == ("onnxruntime_onnx", "onnxruntime")


def test_an_input_whose_rows_are_single_values_has_an_axis_that_clients_can_shape() -> None:
    assert model_metadata("m", "onnx", [1], one("FP64"), batched=True)["inputs"][0]["shape"] == [-1, 1]
    assert model_metadata("m", "onnx", [1], one("FP64"), batched=True)["outputs"][0]["shape"] == [-1]
    assert model_metadata("m", "onnx", [1], one("FP64"), batched=False)["inputs"][0]["shape"] == [-1]


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        ((FREE, 3, 224, 224), "FORMAT_NCHW"),
        ((FREE, 1, FREE, FREE), "FORMAT_NCHW"),
        ((FREE, 224, 224, 3), "FORMAT_NHWC"),
        ((FREE, FREE, FREE, 4), "FORMAT_NHWC"),
        ((FREE, 3, 224, 3), "FORMAT_NONE"),
        ((FREE, 2, 2, 2), "FORMAT_NONE"),
        ((FREE, 3, 224), "FORMAT_NONE"),
        ((FREE, 3, 8, 224, 224), "FORMAT_NONE"),
    ],
    ids=str,
)
def test_the_format_of_an_image_follows_from_its_shape(shape: tuple[int, ...], found: str) -> None:
    config = model_config(spec(), "onnx", one("UINT8", shape), batched=True)
    assert config["input"][0]["format"] == found
    texts = model_config(spec(), "onnx", one("BYTES", shape), batched=True)
    assert texts["input"][0]["format"] == "FORMAT_NONE"


def test_a_model_that_does_not_is_configured_whole() -> None:
    config = model_config(spec(), "python:model:Model", WHOLE, batched=False)
    assert config["max_batch_size"] == 0
    assert "dynamic_batching" not in config
    assert config["input"][0]["dims"] == [-1, 2]
    assert (config["platform"], config["backend"]) == ("python", "python")


@pytest.mark.parametrize(
    ("versions", "policy"),
    [
        ("latest", {"latest": {"num_versions": 1}}),
        ({"latest": 3}, {"latest": {"num_versions": 3}}),
        ("all", {"all": {}}),
        ([4, 2], {"specific": {"versions": [4, 2]}}),
    ],
)
def test_the_version_policy_is_the_yamls(versions: Any, policy: Any) -> None:
    assert model_config(spec(versions=versions), "onnx", IRIS, batched=True)["version_policy"] == policy


@pytest.mark.parametrize("datatype", [name for name in DATATYPES if name not in ("BYTES", "BF16")])
def test_every_other_datatype_keeps_its_name(datatype: str) -> None:
    config = model_config(spec(), "onnx", one(datatype), batched=False)
    assert config["input"][0]["data_type"] == f"TYPE_{datatype}"


def test_a_model_has_one_instance_and_whole_responses_unless_it_generates() -> None:
    config = model_config(spec(), "onnx", MIXED, batched=True)
    assert config["instance_group"] == [{"name": "m", "kind": "KIND_CPU", "count": 1}]
    assert config["model_transaction_policy"] == {"decoupled": False}


@pytest.mark.parametrize("generations", [None, object()])
def test_the_metadata_and_configuration_are_those_of_the_running_version(generations: object) -> None:
    loaded = SimpleNamespace(model=SimpleNamespace(signature=IRIS), warmup=SimpleNamespace(batchable=True))
    version: Any = SimpleNamespace(loaded=loaded, scheduler=SimpleNamespace(generations=generations))
    model: Any = SimpleNamespace(spec=spec(), runtime="onnx", versions=SimpleNamespace(numbers=[1, 2]))
    assert metadata_of(model, version) == model_metadata("m", "onnx", [1, 2], IRIS, batched=True)
    decoupled = generations is not None
    assert config_of(model, version) == model_config(model.spec, "onnx", IRIS, batched=True, decoupled=decoupled)

"""Finds tensors that a model stores in other files, and embeds those that onnxruntime does not read from memory.

It needs the `onnx` package, which uses 30 MB of a replica's memory, so it is imported only for a model that has such tensors.
"""

from collections.abc import Callable, Iterator
from typing import Any

from modelyard.runtimes.base import LoadError


def external_weights(model: bytes, content_of: Callable[[str], bytes]) -> tuple[bytes, list[str]]:
    """The model, and the names of the files with the weights of its main graph, as the model spells them.

    onnxruntime reads only those weights from memory. It would read the tensors of branches, functions and sparse weights from the
    working directory, so they are embedded in the model. The main weights stay outside: they may exceed protobuf's 2 GB.
    """
    proto = _parsed(model)
    weights = [tensor for tensor in proto.graph.initializer if tensor.data_location == tensor.EXTERNAL]
    others = [
        tensor
        for tensor in (*_tensors(proto, "graph"), *_tensors(proto.graph, "initializer"))
        if tensor.data_location == tensor.EXTERNAL
    ]
    for tensor in others:
        _embed(tensor, content_of)
    return proto.SerializeToString() if others else model, sorted(
        {_location_of(tensor)["location"] for tensor in weights}
    )


def _parsed(model: bytes) -> Any:
    import onnx  # noqa: PLC0415 - see the module's docstring

    try:
        return onnx.load_model_from_string(model)
    except Exception as error:
        raise LoadError("model.onnx is not an ONNX model") from error


def _tensors(message: Any, but: str) -> Iterator[Any]:
    """Every tensor in a message and its submessages, except in the field `but`."""
    for field, value in message.ListFields():
        if field.message_type is None or field.name == but:
            continue
        for each in value if field.is_repeated else (value,):
            if field.message_type.name == "TensorProto":
                yield each
            else:
                yield from _tensors(each, "")


def _location_of(tensor: Any) -> dict[str, str]:
    return {"location": "", **{entry.key: entry.value for entry in tensor.external_data}}


def _embed(tensor: Any, content_of: Callable[[str], bytes]) -> None:
    place = _location_of(tensor)
    content = content_of(place["location"])
    try:
        offset = int(place.get("offset", 0))
        end = offset + int(place["length"]) if "length" in place else len(content)
    except ValueError:
        offset, end = -1, -1
    if not 0 <= offset <= end <= len(content):
        raise LoadError(f"tensor {tensor.name!r} of model.onnx is outside its file {place['location']!r}")
    tensor.raw_data = content[offset:end]
    tensor.data_location = tensor.DEFAULT
    del tensor.external_data[:]

"""What only the graph itself tells, and not a session: read with the `onnx` package.

It takes 30 MB of a replica's memory, so it is imported only for a model that leaves one of these questions open.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from deployments.runtimes.base import LoadError
from deployments.tensors import Scalar


def external_files(model: bytes) -> list[str]:
    """The files in which the model's tensors are, as it names them."""
    proto = _parsed(model)
    named = {
        entry.value
        for tensor in (*_tensors(proto.graph), *(each for part in proto.functions for each in _of_nodes(part.node)))
        if tensor.data_location == tensor.EXTERNAL
        for entry in tensor.external_data
        if entry.key == "location"
    }
    return sorted(named)


def has_shape(model: bytes, input_name: str) -> bool:
    """Whether an input says how many axes it has. A session shows one that does not as if it were a scalar."""
    graph = _parsed(model).graph
    return any(given.name == input_name and given.type.tensor_type.HasField("shape") for given in graph.input)


def zipmap_classes(model: bytes, output_name: str) -> tuple[Scalar, ...]:
    """The keys of the maps that a ZipMap gives; () where the output is not a ZipMap's."""
    for node in _parsed(model).graph.node:
        if node.op_type == "ZipMap" and output_name in node.output:
            keys = {attribute.name: attribute for attribute in node.attribute}
            if "classlabels_int64s" in keys:
                return tuple(keys["classlabels_int64s"].ints)
            return tuple(text.decode() for text in keys["classlabels_strings"].strings)
    return ()


def _parsed(model: bytes) -> Any:
    import onnx  # noqa: PLC0415 - see the module's docstring

    try:
        return onnx.load_model_from_string(model)
    except Exception as error:
        raise LoadError("model.onnx is not an ONNX model") from error


def _tensors(graph: Any) -> Iterator[Any]:
    """Every tensor with values of its own, those of the graphs inside nodes too."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _of_nodes(graph.node)


def _of_nodes(nodes: Iterable[Any]) -> Iterator[Any]:
    for node in nodes:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            for graph in (attribute.g, *attribute.graphs):
                yield from _tensors(graph)

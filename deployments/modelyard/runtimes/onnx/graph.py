"""Reads a graph's operators and constants, which a session does not expose, from the model's bytes, without the `onnx` package.

Source of the field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. onnxruntime loads the model first, so the bytes
are a protobuf message, or a flatbuffer in onnxruntime's own format.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from modelyard.runtimes.onnx.protobuf import Field, fields, first, floats, integer, integers, messages, text
from modelyard.tensors import Scalar

_ORT_FORMAT = b"ORTM"
"""The bytes at offset 4 of a flatbuffer in onnxruntime's own format."""
_RAW = {1: "<f4", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2", 11: "<f8"}
"""numpy's dtypes for the elements of `raw_data`, by TensorProto.DataType."""
_STRING = 8
OWN_DOMAINS = ("", "ai.onnx")
"""The two spellings of the domain of ONNX's main operators."""

Values = tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a node. Its value is decoded on access: the attributes of a forest contain millions of numbers."""

    message: memoryview

    def integer(self) -> int:
        return integer(first(self.message, 3))

    def integers(self) -> tuple[int, ...]:
        return integers(self.message, 8)

    def text(self) -> str:
        return text(first(self.message, 4))

    def strings(self) -> tuple[str, ...]:
        return tuple(text(value) for value in messages(self.message, 9))

    def tensor(self) -> Values | None:
        found = first(self.message, 5)
        return constant(found) if isinstance(found, memoryview) else None

    def graph(self) -> "Graph | None":
        found = first(self.message, 6)
        return Graph(found) if isinstance(found, memoryview) else None

    def scalar(self) -> Values | None:
        """The value of a Constant: its `value`, `value_int`, `value_ints`, `value_string` or `value_strings`."""
        for number, value in fields(self.message):
            if number == 3:
                return (integer(value),)
            if number == 4:
                return (text(value),)
            if number == 5:
                return self.tensor()
            if number == 8:
                return self.integers()
            if number == 9:
                return self.strings()
        return None

    @property
    def refers(self) -> bool:
        """Whether the node is in a function and the attribute's value comes from the caller."""
        return first(self.message, 21) is not None


class Node:
    """One operator of a graph."""

    def __init__(self, message: memoryview) -> None:
        inputs, outputs, kind, domain = [], [], "", ""
        self._attributes: list[memoryview] = []
        for number, value in fields(message):
            if not isinstance(value, memoryview):
                continue
            if number == 1:
                inputs.append(text(value))
            elif number == 2:
                outputs.append(text(value))
            elif number == 4:
                kind = text(value)
            elif number == 5:
                self._attributes.append(value)
            elif number == 7:
                domain = text(value)
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        """Names; "" for an optional one that is absent."""
        self.kind = kind
        self.domain = "" if domain in OWN_DOMAINS else domain

    @cached_property
    def attributes(self) -> dict[str, Attribute]:
        return {text(first(message, 1)): Attribute(message) for message in self._attributes}

    def integer(self, name: str, default: int) -> int:
        """An attribute's number; the default if it is absent."""
        found = self.attributes.get(name)
        return default if found is None else found.integer()

    def integers(self, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
        """An attribute's numbers; the default if it is absent."""
        found = self.attributes.get(name)
        return default if found is None else found.integers()

    def text(self, name: str) -> str:
        """An attribute's text; "" if it is absent."""
        found = self.attributes.get(name)
        return "" if found is None else found.text()


class Graph:
    """A graph or a function: its nodes in the order in which they run, and its constants."""

    def __init__(self, message: memoryview, function: bool = False) -> None:
        ends, node_number = ((4, 5), 7) if function else ((11, 12), 1)
        self._initializers: dict[str, memoryview] = {}
        nodes, named = [], {number: list[memoryview]() for number in ends}
        for number, value in fields(message):
            if not isinstance(value, memoryview):
                continue
            if number == node_number:
                nodes.append(Node(value))
            elif number in named:
                named[number].append(value)
            elif number == 5 and not function:
                self._initializers[text(first(value, 8))] = value
        self.nodes = tuple(nodes)
        self.inputs, self.outputs = (
            tuple(text(value if function else first(value, 1)) for value in named[number]) for number in ends
        )
        self._infos = () if function else tuple(named[ends[0]])

    @cached_property
    def producers(self) -> dict[str, Node]:
        """The node that computes each tensor, by the tensor's name."""
        return {name: node for node in self.nodes for name in node.outputs}

    def values(self, name: str) -> Values | None:
        """All values of a constant, in one flat list; None if it is not a constant or its type is not supported here."""
        if name in self._initializers:
            return constant(self._initializers[name])
        node = self.producers.get(name)
        if node is None or node.kind != "Constant":
            return None
        return next((attribute.scalar() for attribute in node.attributes.values()), None)

    def lengths(self) -> set[int]:
        """The lengths of all axes of its constants: candidates for the lengths of its inputs' axes."""
        return {length for tensor in self._initializers.values() for length in integers(tensor, 1)}

    def has_shape(self, input_name: str) -> bool:
        """Whether an input declares how many axes it has. A session shows an input that does not as a scalar."""
        for info in self._infos:
            if text(first(info, 1)) == input_name:
                tensor_type = _nested(_nested(info, 2), 1)
                return tensor_type is not None and first(tensor_type, 2) is not None
        return False


@dataclass(frozen=True)
class Model:
    """A model's main graph, and its own functions by domain and name."""

    graph: Graph
    functions: dict[tuple[str, str], Graph]
    opset: int
    """The version of ONNX's main operators."""


def read_model(content: bytes) -> Model | None:
    """The graph of a model; None for onnxruntime's own format, which contains no ONNX graph."""
    if content[4:8] == _ORT_FORMAT:
        return None
    graph, functions, opset = memoryview(b""), {}, 0
    for number, value in fields(memoryview(content)):
        if not isinstance(value, memoryview):
            continue
        if number == 7:
            graph = value
        elif number == 8 and text(first(value, 1)) in OWN_DOMAINS:
            opset = integer(first(value, 2))
        elif number == 25:
            functions[text(first(value, 10)), text(first(value, 1))] = Graph(value, function=True)
    return Model(Graph(graph), functions, opset)


def constant(tensor: memoryview) -> Values | None:
    """A TensorProto's values in one flat list; None for types that are not needed here, and for values in other files."""
    kind = integer(first(tensor, 2))
    if integer(first(tensor, 14)):
        return None
    if kind == _STRING:
        return tuple(text(value) for value in messages(tensor, 6))
    raw = first(tensor, 9)
    if isinstance(raw, memoryview):
        return tuple(np.frombuffer(raw, _RAW[kind]).tolist()) if kind in _RAW else None
    if kind in (6, 9):
        return integers(tensor, 5)
    if kind == 7:
        return integers(tensor, 7)
    if kind in (1, 11):
        return floats(tensor, 4) if kind == 1 else floats(tensor, 10, "d")
    return None


def _nested(message: memoryview | None, number: int) -> memoryview | None:
    found: Field | None = None if message is None else first(message, number)
    return found if isinstance(found, memoryview) else None


def subgraphs(node: Node) -> Iterator[Graph]:
    """The graphs in the attributes of a node: its branches or its body."""
    for attribute in node.attributes.values():
        graph = attribute.graph()
        if graph is not None:
            yield graph

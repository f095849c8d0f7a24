"""Which operators of a graph let one row's answer, or the time of a call, depend on other rows' values. Pure.

Trials cannot prove that there are none: `If(ReduceMean(x) > 1000)` mixes rows only where the values are large. So every tensor gets
a level: what it depends on. A conservative answer is right: rows that are not batched are slower, never wrong. What mixes rows
whatever they hold (a product of the rows with themselves) is left to the trials of `serving/warmup.py`.
"""

from collections import ChainMap
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field

from modelyard.runtimes.onnx import operators
from modelyard.runtimes.onnx.graph import Graph, Model, Node, subgraphs

FIXED, SIZES, VALUES, ROWS = range(4)
"""On nothing; on the inputs' shapes; on their values; on their values, with the rows as first axis."""

Levels = MutableMapping[str, int]


@dataclass(slots=True)
class Findings:
    """What the operators say."""

    mixes_rows: str = ""
    """Why rows may not share a call; "" where no operator forbids it."""
    loop_safe: bool = True
    """Whether the time of a call depends on the sizes of its inputs alone."""


def findings(model: Model | None, inputs: Sequence[str]) -> Findings:
    """Of all nodes, those of branches, loops and functions included. `inputs` are the names that a request may have."""
    if model is None:
        return Findings("its operators cannot be seen in onnxruntime's own format", False)
    walk = _Walk(model)
    walk.run(model.graph, dict.fromkeys(inputs, ROWS))
    return walk.found


@dataclass(slots=True)
class _Walk:
    model: Model
    found: Findings = field(default_factory=Findings)
    by_element: int = 0
    """How many of the bodies around a node run once an element: there, all values are not all rows'."""

    def run(self, graph: Graph, levels: Levels) -> Levels:
        """The levels of all tensors of this graph, given those of its inputs."""
        for node in graph.nodes:
            level = self._level(graph, node, levels)
            levels.update(level if isinstance(level, dict) else dict.fromkeys(node.outputs, level))
        return levels

    def _level(self, graph: Graph, node: Node, levels: Levels) -> int | dict[str, int]:
        given = [levels.get(name, FIXED) if name else FIXED for name in node.inputs]
        highest = max(given, default=FIXED)
        self._judge(graph, node, given, highest)
        function = self.model.functions.get((node.domain, node.kind))
        if function is not None:
            inside = self.run(function, dict(zip(function.inputs, given, strict=False)))
            return {name: inside.get(own, FIXED) for name, own in zip(node.outputs, function.outputs, strict=False)}
        if node.kind in operators.WITH_BODIES:
            return self._bodies(node, list(subgraphs(node)), given, levels)
        if node.kind in operators.SIZE_ONLY:
            return min(highest, SIZES)
        if highest == ROWS and not operators.keeps_rows_first(node):
            return VALUES
        return highest

    def _judge(self, graph: Graph, node: Node, given: Sequence[int], highest: int) -> None:
        if any(given[place] >= VALUES for place in operators.controlling_inputs(node) if place < len(given)):
            self._mixes(f"how {node.kind} works depends on the values of all rows of a call")
            self.found.loop_safe = False
        if node.kind in operators.GENERATING:
            self._mixes(f"{node.kind} generates for all rows of a call together")
            self.found.loop_safe = False
        if node.kind in operators.RANDOM:
            self._mixes(f"{node.kind} gives random numbers")
        if highest < VALUES:
            return
        if reason := operators.always_mixes(node):
            self._mixes(f"{node.kind} {reason}")
        if operators.in_training_mode(graph, node):
            self._mixes(f"{node.kind} is in training mode")
        axes = operators.axes_of(graph, node, self.model.opset)
        if axes == () and not self.by_element:
            self._mixes(f"{node.kind} is over all rows of a call")
        elif axes is not None and 0 in axes and highest == ROWS:
            self._mixes(f"{node.kind} is along the rows of a call")

    def _bodies(self, node: Node, bodies: Sequence[Graph], given: Sequence[int], levels: Levels) -> int:
        """The level of everything that comes out of a node with graphs in it."""
        if node.kind == "If":  # its branches have no inputs: they see the tensors around them
            outputs = [level for body in bodies for level in self._outputs(body, {}, levels)]
            return max([min(given[0], VALUES), *outputs])
        [body] = bodies
        along_rows = operators.scans_first_axis(node, given, ROWS)
        self.by_element += along_rows
        leaving, changed = self._settled(node, body, given, levels)
        self.by_element -= along_rows
        if node.kind == "Loop" and leaving[0] >= VALUES:
            self._mixes("how often Loop runs depends on the values of all rows of a call")
            self.found.loop_safe = False
        if node.kind == "Scan" and along_rows and changed:
            self._mixes("Scan carries values from row to row")
        return min(max([*given, *leaving]), VALUES)

    def _settled(self, node: Node, body: Graph, given: Sequence[int], levels: Levels) -> tuple[Sequence[int], bool]:
        """The levels of a body's outputs when it has run often, and whether a state that depends on values changes in it.

        The body's inputs are the last of the node's. What a Scan goes through comes last of them. A Loop's body begins with the
        round and the condition, and gives a condition and then the states.
        """
        entering = [min(level, VALUES) for level in given[-len(body.inputs) :]]
        states = {
            "Loop": [(place, place - 1) for place in range(2, len(entering))],
            "Scan": [(place, place) for place in range(len(entering) - node.integer("num_scan_inputs", 0))],
        }.get(node.kind, [])
        while True:
            leaving = self._outputs(body, dict(zip(body.inputs, entering, strict=False)), levels)
            grown = list(entering)
            for into, out in states:
                grown[into] = max(entering[into], leaving[out])
            if grown == entering:
                break
            entering = grown
        changed = any(
            leaving[out] >= VALUES and _origin(body, body.outputs[out]) != body.inputs[into] for into, out in states
        )
        return leaving, changed

    def _outputs(self, body: Graph, inputs: Levels, around: Levels) -> list[int]:
        inside = self.run(body, ChainMap(inputs, around))
        return [inside.get(name, FIXED) for name in body.outputs]

    def _mixes(self, reason: str) -> None:
        self.found.mixes_rows = self.found.mixes_rows or reason


def _origin(graph: Graph, name: str) -> str:
    """The tensor that a chain of Identity began with."""
    while (node := graph.makers.get(name)) is not None and node.kind == "Identity":
        name = node.inputs[0]
    return name

"""Finds operators of a graph that let a row's result, or the time of a call, depend on the values of other rows. Pure.

Trial runs cannot prove that there are none: `If(ReduceMean(x) > 1000)` mixes rows only if the values are large. So every tensor
gets a level: what it depends on. The analysis is conservative: rows that are not batched are slower, never wrong. Operators that
mix rows whatever the values are (a product of the rows with themselves) are left to the trial runs of `inference/warmup.py`.
"""

from collections import ChainMap
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field

from modelyard.runtimes.onnx import operators
from modelyard.runtimes.onnx.graph import Graph, Model, Node, subgraphs

FIXED, SIZES, VALUES, ROWS = range(4)
"""What a tensor depends on: nothing; the inputs' shapes; their values; their values, with the rows as first axis."""

Levels = MutableMapping[str, int]


@dataclass(slots=True)
class Findings:
    """The result of the analysis."""

    mixes_rows: str = ""
    """Why rows must not share a call; "" if no operator mixes them."""
    loop_safe: bool = True
    """Whether the time of a call depends only on the sizes of its inputs."""


def findings(model: Model | None, inputs: Sequence[str]) -> Findings:
    """Analyse all nodes, including those of branches, loops and functions. `inputs` are the names that a request may contain."""
    if model is None:
        return Findings("its operators are not readable in onnxruntime's own format", False)
    walk = _Walk(model)
    walk.run(model.graph, dict.fromkeys(inputs, ROWS))
    return walk.found


@dataclass(slots=True)
class _Walk:
    model: Model
    found: Findings = field(default_factory=Findings)
    by_element: int = 0
    """How many of the bodies around a node run once per element: there, "all values" are not those of all rows."""

    def run(self, graph: Graph, levels: Levels) -> Levels:
        """The levels of all tensors of this graph, from those of its inputs."""
        for node in graph.nodes:
            level = self._level(graph, node, levels)
            levels.update(level if isinstance(level, dict) else dict.fromkeys(node.outputs, level))
        return levels

    def _level(self, graph: Graph, node: Node, levels: Levels) -> int | dict[str, int]:
        input_levels = [levels.get(name, FIXED) if name else FIXED for name in node.inputs]
        highest = max(input_levels, default=FIXED)
        self._judge(graph, node, input_levels, highest)
        function = self.model.functions.get((node.domain, node.kind))
        if function is not None:
            inside = self.run(function, dict(zip(function.inputs, input_levels, strict=False)))
            return {name: inside.get(own, FIXED) for name, own in zip(node.outputs, function.outputs, strict=False)}
        if node.kind in operators.WITH_BODIES:
            return self._bodies(node, list(subgraphs(node)), input_levels, levels)
        if node.kind in operators.SIZE_ONLY:
            return min(highest, SIZES)
        if highest == ROWS and not operators.keeps_rows_first(node):
            return VALUES
        return highest

    def _judge(self, graph: Graph, node: Node, input_levels: Sequence[int], highest: int) -> None:
        if any(
            input_levels[place] >= VALUES for place in operators.controlling_inputs(node) if place < len(input_levels)
        ):
            self._mixes(f"the result of {node.kind} depends on the values of all rows of a call")
            self.found.loop_safe = False
        if node.kind in operators.GENERATING:
            self._mixes(f"{node.kind} generates for all rows of a call together")
            self.found.loop_safe = False
        if node.kind in operators.RANDOM:
            self._mixes(f"{node.kind} returns random numbers")
        if highest < VALUES:
            return
        if reason := operators.always_mixes(node):
            self._mixes(f"{node.kind} {reason}")
        if operators.in_training_mode(graph, node):
            self._mixes(f"{node.kind} is in training mode")
        axes = operators.axes_of(graph, node, self.model.opset)
        if axes == () and not self.by_element:
            self._mixes(f"{node.kind} reduces over all rows of a call")
        elif axes is not None and 0 in axes and highest == ROWS:
            self._mixes(f"{node.kind} works along the rows of a call")

    def _bodies(self, node: Node, bodies: Sequence[Graph], input_levels: Sequence[int], levels: Levels) -> int:
        """The level of the outputs of a node that contains graphs."""
        if node.kind == "If":  # its branches have no inputs: they read the tensors of the outer graph
            outputs = [level for body in bodies for level in self._outputs(body, {}, levels)]
            return max([min(input_levels[0], VALUES), *outputs])
        [body] = bodies
        along_rows = operators.scans_first_axis(node, input_levels, ROWS)
        self.by_element += along_rows
        leaving, changed = self._fixed_point(node, body, input_levels, levels)
        self.by_element -= along_rows
        if node.kind == "Loop" and leaving[0] >= VALUES:
            self._mixes("the number of iterations of Loop depends on the values of all rows of a call")
            self.found.loop_safe = False
        if node.kind == "Scan" and along_rows and changed:
            self._mixes("Scan carries values from row to row")
        return min(max([*input_levels, *leaving]), VALUES)

    def _fixed_point(
        self, node: Node, body: Graph, input_levels: Sequence[int], levels: Levels
    ) -> tuple[Sequence[int], bool]:
        """The levels of a body's outputs after any number of iterations, and whether a state that depends on values changes in it.

        The body's inputs are the last inputs of the node. The scanned inputs of a Scan come last. The inputs of a Loop's body begin
        with the iteration number and the condition; its outputs are a condition and then the states.
        """
        entering = [min(level, VALUES) for level in input_levels[-len(body.inputs) :]]
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
    """The input of the first node in a chain of Identity nodes."""
    while (node := graph.producers.get(name)) is not None and node.kind == "Identity":
        name = node.inputs[0]
    return name

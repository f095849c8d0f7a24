"""Which character is next? A character model that has memorised the Zen of Python, the text of Python's module `this`."""

import codecs
import contextlib
import importlib
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, numpy_helper

from examples.trained import SEED, Score, Trained

Matrix = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int64]

CONTEXT = 20
"""How many preceding characters the model reads. With fewer, it cannot distinguish the two lines on implementations."""
LETTER_SIZE, HIDDEN = 12, 96
STEPS, RATE = 400, 0.01
CODE = Path(__file__).parent.parent / "data" / "zen_model.py"


def train() -> Trained:
    """A network as in Bengio et al., "A neural probabilistic language model" (2003): each
    preceding character has a vector, and one hidden layer reads all of them. It memorises a text this small, so that the output
    is the same on every machine."""
    lines = read().splitlines()
    alphabet = sorted({"\n", *"".join(lines)})
    before, after = _examples(lines, alphabet)
    weights = _fitted(before, after, len(alphabet))
    right = np.mean(np.argmax(_scores(weights, before), 1) == after)
    return Trained(
        artefact="model.onnx",
        content=_onnx(weights),
        score=Score("accuracy", float(right), at_least=0.98, rows=len(after), of="memorised characters"),
        instances=[{"text_input": "Beautiful is"}, {"text_input": "Now is"}],
        other_files={"model.py": CODE.read_bytes(), "alphabet.txt": "".join(alphabet).encode()},
    )


def read() -> str:
    """The text; importing the module prints it."""
    with contextlib.redirect_stdout(io.StringIO()):
        this = importlib.import_module("this")
    return codecs.decode(this.s, "rot13")


def _examples(lines: Sequence[str], alphabet: Sequence[str]) -> tuple[Codes, Codes]:
    """The codes of the preceding characters and of the next one, for each character of each line except the first."""
    before, after = [], []
    for line in filter(None, lines):
        codes = np.array([alphabet.index(letter) for letter in "\n" * CONTEXT + line + "\n"])
        before.append(np.lib.stride_tricks.sliding_window_view(codes[:-1], CONTEXT)[1:])
        after.append(codes[CONTEXT + 1 :])
    return np.concatenate(before), np.concatenate(after)


def _scores(weights: dict[str, Matrix], before: Codes) -> Matrix:
    hidden = np.tanh(weights["letters"][before].reshape(len(before), -1) @ weights["into"] + weights["bias"])
    scores: Matrix = hidden @ weights["out"]
    return scores


def _fitted(before: Codes, after: Codes, letters: int) -> dict[str, Matrix]:
    """The weights, after gradient descent with Adam on the whole text at once."""
    random = np.random.default_rng(SEED)
    shapes = {
        "letters": (letters, LETTER_SIZE),
        "into": (CONTEXT * LETTER_SIZE, HIDDEN),
        "bias": (HIDDEN,),
        "out": (HIDDEN, letters),
    }
    weights = {name: random.normal(0, 0.1, shape).astype(np.float32) for name, shape in shapes.items()}
    means = {name: np.zeros_like(value) for name, value in weights.items()}
    squares = {name: np.zeros_like(value) for name, value in weights.items()}
    for step in range(1, STEPS + 1):
        for name, gradient in _gradients(weights, before, after).items():
            means[name] += 0.1 * (gradient - means[name])
            squares[name] += 0.001 * (gradient**2 - squares[name])
            mean, square = means[name] / (1 - 0.9**step), squares[name] / (1 - 0.999**step)
            weights[name] -= RATE * mean / (np.sqrt(square) + 1e-8)
    return weights


def _gradients(weights: dict[str, Matrix], before: Codes, after: Codes) -> dict[str, Matrix]:
    """The gradients of the cross entropy, by weight."""
    seen = weights["letters"][before].reshape(len(before), -1)
    hidden = np.tanh(seen @ weights["into"] + weights["bias"])
    scores = hidden @ weights["out"]
    wrong = np.exp(scores - scores.max(1, keepdims=True))
    wrong /= wrong.sum(1, keepdims=True)
    wrong[np.arange(len(after)), after] -= 1
    wrong /= len(after)
    back = (wrong @ weights["out"].T) * (1 - hidden**2)
    letters = np.zeros_like(weights["letters"])
    np.add.at(letters, before.ravel(), (back @ weights["into"].T).reshape(-1, LETTER_SIZE))
    return {"letters": letters, "into": seen.T @ back, "bias": back.sum(0), "out": hidden.T @ wrong}


def _onnx(weights: dict[str, Matrix]) -> bytes:
    """The network as a graph: from the codes of the preceding characters to the probability of each character."""
    nodes = [
        helper.make_node("Gather", ["letters", "before"], ["vectors"]),
        helper.make_node("Reshape", ["vectors", "flat"], ["seen"]),
        helper.make_node("Gemm", ["seen", "into", "bias"], ["sums"]),
        helper.make_node("Tanh", ["sums"], ["hidden"]),
        helper.make_node("MatMul", ["hidden", "out"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"]),
    ]
    constants = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    constants.append(numpy_helper.from_array(np.array([-1, CONTEXT * LETTER_SIZE]), "flat"))
    graph = helper.make_graph(
        nodes,
        "zen",
        [helper.make_tensor_value_info("before", TensorProto.INT64, [None, CONTEXT])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, weights["out"].shape[1]])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content

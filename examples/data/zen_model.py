"""Writes on, letter by letter: the class that serves the network in model.onnx, which knows one letter at a time."""

import numpy as np
import onnxruntime

CONTEXT = 20
"""Letters that the network looks at; a shorter text begins with empty lines."""
MOST = 1000
"""Letters of one answer."""


class Zen:
    signature = {
        "inputs": [
            {"name": "text_input", "datatype": "BYTES", "shape": [-1]},
            {"name": "length", "datatype": "INT64", "shape": [-1], "optional": True},
        ],
        "outputs": [{"name": "text_output", "datatype": "BYTES", "shape": [-1]}],
    }
    example = {"text_input": ["Beautiful is", "Simple is"]}

    def load(self, directory, options, cpus):
        self.alphabet = (directory / "alphabet.txt").read_text()
        self.network = onnxruntime.InferenceSession((directory / "model.onnx").read_bytes())

    def predict(self, inputs):
        texts = np.full(len(inputs["text_input"]), "", object)
        for step in self.generate(inputs):
            texts += step["text_output"]
        return {"text_output": texts}

    def generate(self, inputs):
        """The likeliest letter after each text; none behind the end of a line, or of the length that was asked for."""
        rows = [self.codes(text) for text in inputs["text_input"]]
        left = np.minimum(inputs.get("length", np.full(len(rows), MOST)), MOST)
        while True:
            before = np.array([row[-CONTEXT:] for row in rows])
            [probabilities] = self.network.run(["probabilities"], {"before": before})
            likeliest = probabilities.argmax(1)
            left = np.where(likeliest == self.alphabet.index("\n"), 0, left)
            if left.max() <= 0:
                return
            letters = [self.alphabet[code] if more > 0 else "" for code, more in zip(likeliest, left, strict=True)]
            yield {"text_output": np.array(letters, object)}
            left -= 1
            for row, code in zip(rows, likeliest.tolist(), strict=True):
                row.append(code)

    def codes(self, text):
        """The numbers of its letters; those that the network has never seen are spaces to it."""
        space = self.alphabet.index(" ")
        return [self.alphabet.index("\n")] * CONTEXT + [
            self.alphabet.index(letter) if letter in self.alphabet else space for letter in text
        ]

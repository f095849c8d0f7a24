"""Continues a text character by character, with the network in model.onnx, which predicts one character at a time."""

import numpy as np
import onnxruntime

CONTEXT = 20
"""How many characters the network reads. Shorter texts are padded with line ends."""
MAX_LENGTH = 1000
"""The largest number of characters in one response."""


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
        """The most likely next character of each text, up to the end of the line or the requested length."""
        rows = [self.codes(text) for text in inputs["text_input"]]
        left = np.minimum(inputs.get("length", np.full(len(rows), MAX_LENGTH)), MAX_LENGTH)
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
        """The codes of its characters. Characters outside the alphabet count as spaces."""
        space = self.alphabet.index(" ")
        return [self.alphabet.index("\n")] * CONTEXT + [
            self.alphabet.index(letter) if letter in self.alphabet else space for letter in text
        ]

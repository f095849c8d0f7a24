"""Which digit is it? 1797 handwritten 8x8 images: from 64 shades between 0 (white) and 16 (black) to a digit."""

import numpy as np
from skl2onnx import to_onnx
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from examples.trained import SEED, Score, Trained


def train() -> Trained:
    """A network with one hidden layer, as ONNX. It runs without scikit-learn, and its YAML names its classes."""
    images, digits = load_digits(return_X_y=True)
    seen, held_out, seen_digits, held_out_digits = train_test_split(
        images.astype(np.float32), digits, test_size=0.25, stratify=digits, random_state=SEED
    )
    perceptron = MLPClassifier((64,), max_iter=400, random_state=SEED)
    network = make_pipeline(MinMaxScaler(), perceptron).fit(seen, seen_digits)
    # zipmap would convert each row of probabilities to a dictionary
    onnx = to_onnx(network, seen[:1], options={"zipmap": False}, name="digits")
    return Trained(
        artefact="model.onnx",
        content=onnx.SerializeToString(),
        score=Score("accuracy", network.score(held_out, held_out_digits), at_least=0.94, rows=len(held_out)),
        instances=held_out[:1].astype(int).tolist(),
    )

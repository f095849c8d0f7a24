"""Train what the subjects serve: one pipeline, in both formats."""

import shutil
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx

from benchmarks.rivals import own_predict
from benchmarks.subjects import Artefacts
from examples.models import iris
from examples.train import publish, train
from examples.trained import Score, Trained


def train_iris(folder: Path) -> Artefacts:
    """The iris example: as it is, converted to ONNX with the same rows behind it, and behind a class of an operator's own."""
    artefacts = Artefacts(onnx=folder / "onnx", sklearn=folder / "sklearn", own_predict=folder / "own")
    publish(artefacts.sklearn / "iris", train("iris"))
    publish(artefacts.onnx / "iris", iris_as_onnx())
    own = artefacts.own_predict / "iris" / "1"
    own.mkdir(parents=True)
    shutil.copy(own_predict.__file__, own)
    shutil.copy(artefacts.sklearn / "iris" / "1" / "model.skops", own / own_predict.FILE)
    return artefacts


def iris_as_onnx() -> Trained:
    """The example's pipeline as an ONNX graph: FP32 rows of four in, a label and three probabilities out."""
    pipeline, held_out, species = iris.fit()
    rows = held_out.to_numpy(dtype=np.float32)
    graph = to_onnx(pipeline, rows[:1], options={"zipmap": False}, name="iris")
    return Trained(
        artefact="model.onnx",
        content=graph.SerializeToString(),
        score=Score("accuracy", pipeline.score(held_out, species), at_least=0.9, rows=len(rows)),
        instances=held_out.head(1).to_numpy().tolist(),
    )

"""Make a folder with many small models in one pool: `python -m benchmarks.thousand_models FOLDER --models 1000`.

FOLDER gets `model_repository/`, `serve_config/` and `answers.jsonl`. Half of the models are scikit-learn (skops), half ONNX. A few
are trained, and the others are copies whose outputs are changed: every model has a digest and a response of its own, so that a
response of another model is noticed. A line of answers.jsonl has a model's name, a request, and the predictions in the right
response, whose numbers have the precision of FP32: `{"model": ..., "request": {"instances": ...}, "predictions": [...]}`.
"""

import argparse
import copy
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from onnx import AttributeProto, ModelProto
from skl2onnx import to_onnx
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from examples.trained import request_body
from modelyard.config.yaml_writer import to_yaml

POOL = "small"
MEMORY = "2GiB"
SEED = 20240229


@dataclass(frozen=True, slots=True)
class Template:
    """A trained model, of which copies are made."""

    name: str
    artefact: str
    """The file name of the artefact."""
    row: list[float]
    """Values of the request."""
    copied: Callable[[int], bytes]
    """The content of the artefact of the copy with this number."""
    prediction: Callable[[int], Any]
    """What that copy predicts for `row`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns 1 if the folder is not empty."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.thousand_models", description=__doc__)
    parser.add_argument("folder", type=Path, help="where to write; created if it does not exist")
    parser.add_argument("--models", type=int, default=1000, help="number of models (default: 1000)")
    arguments = parser.parse_args(argv)
    if arguments.folder.exists() and any(arguments.folder.iterdir()):
        print(f"{arguments.folder} is not empty", file=sys.stderr)
        return 1
    make(arguments.folder, arguments.models)
    print(f"{arguments.models} models in {arguments.folder}")
    return 0


def make(folder: Path, count: int) -> None:
    """Write the folder."""
    with threadpool_limits(1):
        kinds = templates()
    config = folder / "serve_config"
    for name in ("models", "pools"):
        (config / name).mkdir(parents=True, exist_ok=True)
    (config / "server.yaml").write_text(to_yaml({"defaults": {"pool": POOL}}))
    (config / "pools" / f"{POOL}.yaml").write_text(to_yaml({"name": POOL, "memory": MEMORY}))
    with (folder / "answers.jsonl").open("w", encoding="utf-8") as answers:
        for number in range(count):
            template = kinds[number % len(kinds)]
            name = f"{template.name}-{number:04}"
            answers.write(json.dumps(_write_model(folder, name, template, number)) + "\n")


def _write_model(folder: Path, name: str, template: Template, number: int) -> dict[str, Any]:
    """Write one model, and return its line of answers.jsonl."""
    version = folder / "model_repository" / name / "1"
    version.mkdir(parents=True)
    (version / template.artefact).write_bytes(template.copied(number))
    (version / "example.json").write_text(request_body([template.row]))
    description = f"Copy {number} of {template.name}"
    (folder / "serve_config" / "models" / f"{name}.yaml").write_text(
        to_yaml({"name": name, "description": description})
    )
    return {"model": name, "request": {"instances": [template.row]}, "predictions": [template.prediction(number)]}


def templates() -> list[Template]:
    """A regression and two classifiers, each as scikit-learn and as ONNX, in turn."""
    progress, flowers = load_diabetes(scaled=False), load_iris()
    species = flowers.target_names[flowers.target]
    ridge = make_pipeline(StandardScaler(), Ridge()).fit(progress.data, progress.target)
    logistic = make_pipeline(StandardScaler(), LogisticRegression()).fit(flowers.data, species)
    forest = make_pipeline(RandomForestClassifier(5, max_depth=3, random_state=SEED)).fit(flowers.data, species)
    return [
        *_regression("ridge", ridge, progress.data[0]),
        *_classifier("logistic", logistic, flowers.data[0]),
        *_classifier("forest", forest, flowers.data[0]),
    ]


def _regression(name: str, pipeline: Pipeline, row: np.ndarray) -> Iterator[Template]:
    """Each copy adds its number to the prediction."""
    prediction = float(pipeline.predict([row])[0])
    graph = to_onnx(pipeline, row[None].astype(np.float32))

    def as_sklearn(number: int) -> bytes:
        changed = copy.deepcopy(pipeline)
        changed[-1].intercept_ += number
        content: bytes = skops.io.dumps(changed)
        return content

    def as_onnx(number: int) -> bytes:
        changed = copy.deepcopy(graph)
        intercepts = _attribute(changed, "intercepts").floats
        intercepts[0] += number
        content: bytes = changed.SerializeToString()
        return content

    yield Template(name, "model.skops", row.tolist(), as_sklearn, lambda number: prediction + number)
    yield Template(f"{name}-onnx", "model.onnx", row.tolist(), as_onnx, lambda number: [prediction + number])


def _classifier(name: str, pipeline: Pipeline, row: np.ndarray) -> Iterator[Template]:
    """Each copy adds its number to the labels."""
    label = pipeline.predict([row])[0]
    graph = to_onnx(pipeline, row[None].astype(np.float32), options={"zipmap": False})

    def as_sklearn(number: int) -> bytes:
        changed = copy.deepcopy(pipeline)
        changed[-1].classes_ = np.array([f"{each}-{number}" for each in changed.classes_])
        content: bytes = skops.io.dumps(changed)
        return content

    def as_onnx(number: int) -> bytes:
        changed = copy.deepcopy(graph)
        labels = _attribute(changed, "classlabels_strings").strings
        labels[:] = [each + b"-%d" % number for each in labels]
        content: bytes = changed.SerializeToString()
        return content

    for artefact, copied in (("model.skops", as_sklearn), ("model.onnx", as_onnx)):
        suffix = "-onnx" if copied is as_onnx else ""
        yield Template(f"{name}{suffix}", artefact, row.tolist(), copied, lambda number: f"{label}-{number}")


def _attribute(model: ModelProto, name: str) -> AttributeProto:
    return next(each for node in model.graph.node for each in node.attribute if each.name == name)


if __name__ == "__main__":
    sys.exit(main())

"""Measures JSON requests and responses of numeric models, without sockets: `python -m benchmarks.json_rows`.

With `--against FOLDER`, another checkout is measured in turns with this one, each round in a process of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import orjson

from benchmarks.markdown import table
from modelyard.protocols.oip.codec import InferCodec
from modelyard.protocols.predict.codec import PredictCodec
from modelyard.protocols.tensorflow.codec import TensorflowCodec
from modelyard.tensors import FREE, Array, Signature, Tensors, TensorSpec

HERE = Path(__file__).parents[1]
ROUNDS = 7
CALLS = 200
NAMES = ("a", "b", "c", "d")
CLASSES = ("setosa", "versicolor", "virginica")
SCORES = TensorSpec("scores", "FP32", (FREE, 3))
Work = Callable[[], Any]


def classifier(label: str) -> Signature:
    """Rows of four numbers; a label of this datatype, and a score for each class."""
    inputs = (TensorSpec("X", "FP32", (FREE, 4), NAMES),)
    return Signature(
        inputs, (TensorSpec("label", label, (FREE,)), SCORES), "classification", CLASSES, "label", "scores"
    )


COLUMNS = Signature(tuple(TensorSpec(name, "FP64", (FREE,)) for name in NAMES), (TensorSpec("y", "FP64", (FREE,)),))
IMAGES = Signature((TensorSpec("x", "FP32", (FREE, 784)),), (TensorSpec("y", "FP32", (FREE, 10)),))
SEVERAL = Signature(
    (TensorSpec("x", "FP32", (FREE, 4)),), (TensorSpec("y", "FP64", (FREE,)), TensorSpec("n", "INT64", (FREE,)))
)


def dumped(document: Any) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def tensor(name: str, data: Array, shape: Any) -> bytes:
    return dumped({"inputs": [{"name": name, "shape": shape, "datatype": "FP32", "data": data}]})


def works() -> Mapping[str, Work]:
    """Decoding and encoding, by what is decoded or encoded."""
    pick = np.random.default_rng(7)
    rows, image = pick.random((256, 4)) * 8, pick.random((1, 784), np.float32)
    records = [dict(zip(NAMES, row, strict=True)) for row in rows.tolist()]
    iris, columns, images = (PredictCodec("m", 1, each) for each in (classifier("INT64"), COLUMNS, IMAGES))
    infer, infer_images = InferCodec("m", 1, classifier("INT64")), InferCodec("m", 1, IMAGES)
    tensorflow, several = TensorflowCodec(classifier("INT64")), PredictCodec("m", 1, SEVERAL)
    labels = pick.integers(0, 3, 256)
    outputs = {"label": labels, "scores": pick.random((256, 3), np.float32)}
    named = outputs | {"label": np.array(CLASSES, object)[labels]}
    both = {"y": pick.random(256), "n": labels}

    def decoding(codec: PredictCodec, document: Any) -> Work:
        body = dumped(document)
        return lambda: codec.decode(body, b"application/json")

    def encoding(codec: PredictCodec, instances: Any, outputs: Tensors) -> Work:
        decoded = codec.decode(dumped({"instances": instances}), b"application/json")
        return lambda: codec.encode(decoded, outputs)

    flat, nested = tensor("X", rows.ravel(), [256, 4]), tensor("X", rows, [256, 4])
    flat_image, instances = tensor("x", image.ravel(), [1, 784]), dumped({"instances": rows})
    split = {"columns": NAMES[::-1], "data": rows}
    return {
        "256 rows of 4: predict, instances": decoding(iris, {"instances": rows}),
        "256 rows of 4: predict, inputs": decoding(iris, {"inputs": {"X": rows}}),
        "256 rows of 4: predict, records": decoding(iris, {"dataframe_records": records}),
        "256 rows of 4: predict, split": decoding(iris, {"dataframe_split": split}),
        "256 rows of 4: OIP, flat": lambda: infer.decode(flat),
        "256 rows of 4: OIP, nested": lambda: infer.decode(nested),
        "256 rows of 4: TensorFlow Serving": lambda: tensorflow.predict(instances),
        "256 rows of 4 inputs: predict, instances": decoding(columns, {"instances": rows}),
        "256 rows of 4 inputs: predict, records": decoding(columns, {"dataframe_records": records}),
        "256 rows of 4 inputs: predict, split": decoding(columns, {"dataframe_split": split}),
        "1 row of 784: predict, instances": decoding(images, {"instances": image}),
        "1 row of 784: OIP, flat": lambda: infer_images.decode(flat_image),
        "1 row of 4: predict, instances": decoding(iris, {"instances": rows[:1]}),
        "response, 256 labels and scores": encoding(iris, rows, outputs),
        "response, 256 named labels and scores": encoding(PredictCodec("m", 1, classifier("BYTES")), rows, named),
        "response, 256 rows of 2 outputs": encoding(several, rows, both),
        "response, 1 label and score": encoding(iris, rows[:1], {name: array[:1] for name, array in outputs.items()}),
    }


def microseconds(work: Work) -> float:
    """CPU time of one call."""
    work()
    started = time.process_time()
    for _ in range(CALLS):
        work()
    return (time.process_time() - started) / CALLS * 1e6


def measured(checkout: Path) -> dict[str, float]:
    """One round of a checkout, in a process of its own."""
    path = os.pathsep.join([str(checkout / "deployments"), str(HERE)])
    command = [sys.executable, "-m", "benchmarks.json_rows", "--one-round"]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", type=Path, help="another checkout")
    parser.add_argument("--one-round", action="store_true", help="print one round of this process as JSON")
    options = parser.parse_args()
    if options.one_round:
        print(json.dumps({name: microseconds(work) for name, work in works().items()}))
        return
    checkouts = {"this": HERE} | ({"other": options.against} if options.against else {})
    rounds = [{name: measured(checkout) for name, checkout in checkouts.items()} for _ in range(ROUNDS)]
    cells = [
        [name, *(f"{median(each[checkout][name] for each in rounds):.1f}" for checkout in checkouts)]
        for name in works()
    ]
    print(table([f"CPU microseconds, medians of {ROUNDS} rounds", *checkouts], cells))


if __name__ == "__main__":
    main()

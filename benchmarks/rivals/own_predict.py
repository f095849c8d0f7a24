"""A scikit-learn pipeline for the python runtime. Each call runs `predict_proba`, as in scikit-learn's documentation."""

from pathlib import Path
from typing import Any

import numpy as np
import skops.io

FILE = "pipeline.skops"


class Pipeline:
    """A custom model class, as an operator would write it without the sklearn runtime."""

    def load(self, directory: Path, options: object, cpus: float) -> None:
        self._pipeline = skops.io.load(directory / FILE)
        names = list(self._pipeline.feature_names_in_)
        classes = self._pipeline.classes_.tolist()
        self.signature = {
            "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1, len(names)], "columns": names}],
            "outputs": [
                {"name": "label", "datatype": "BYTES", "shape": [-1]},
                {"name": "scores", "datatype": "FP64", "shape": [-1, len(classes)]},
            ],
            "task": "classification",
            "classes": classes,
            "label": "label",
            "scores": "scores",
        }
        self.example = {"x": [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]}

    def predict(self, inputs: dict[str, Any]) -> dict[str, Any]:
        scores = self._pipeline.predict_proba(inputs["x"])
        return {"label": self._pipeline.classes_[np.argmax(scores, axis=1)].astype(object), "scores": scores}

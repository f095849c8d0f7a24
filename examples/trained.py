"""The result of training an example, and the functions that examples share."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = Any
"""A value that `json.dumps` accepts."""

SEED = 20240229
"""One seed for every split and every model, so that two machines train the same examples."""

NUMBERS_PER_LINE = 8


@dataclass(frozen=True, slots=True)
class Score:
    """The score of a model and its minimum. The rows are held out from training unless `of` says otherwise."""

    metric: str
    value: float
    at_least: float
    rows: int
    of: str = "held-out rows"

    @property
    def good(self) -> bool:
        return self.value >= self.at_least

    def __str__(self) -> str:
        return f"{self.metric} {self.value:.3f} on {self.rows} {self.of}"


@dataclass(frozen=True, slots=True)
class Trained:
    """A version directory in memory."""

    artefact: str
    """The file name of the artefact: model.skops or model.onnx."""
    content: bytes
    score: Score
    instances: Sequence[Json]
    """Held-out rows in a form that `POST /models/<name>/predict` accepts: lists, objects by feature name, or strings."""
    other_files: Mapping[str, bytes] = field(default_factory=dict)
    """Other files of the version, by name."""

    def files(self) -> Mapping[str, bytes]:
        """The version's files by name: the artefact, the files that it needs, and example.json with a request body that works."""
        return {self.artefact: self.content, **self.other_files, "example.json": request_body(self.instances).encode()}


def request_body(instances: Sequence[Json]) -> str:
    """The JSON of a request for these instances, in readable form: one instance per line, long rows in lines of eight numbers."""
    return '{"instances": [\n' + ",\n".join("  " + _instance(instance) for instance in instances) + "\n]}\n"


def _instance(instance: Json) -> str:
    if not isinstance(instance, list) or len(instance) <= NUMBERS_PER_LINE:
        return json.dumps(instance, ensure_ascii=False)
    lines = [instance[start : start + NUMBERS_PER_LINE] for start in range(0, len(instance), NUMBERS_PER_LINE)]
    return "[" + ",\n   ".join(json.dumps(line)[1:-1] for line in lines) + "]"

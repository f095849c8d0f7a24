"""What training an example gives, and how the parts that examples share are made."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = Any
"""What `json.dumps` takes."""

SEED = 20240229
"""One seed for every split and every model, so that two machines train the same examples."""

NUMBERS_A_LINE = 8


@dataclass(frozen=True, slots=True)
class Score:
    """How well the model did, on rows that it was not trained on unless `of` says otherwise, and the least it should reach."""

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
    """The artefact's file name, which tells its format: model.skops or model.onnx."""
    content: bytes
    score: Score
    instances: Sequence[Json]
    """Held-out rows in a form that `POST /models/<name>/predict` takes: lists, objects by feature name, or strings."""
    beside: Mapping[str, bytes] = field(default_factory=dict)
    """Further files of the version, by name."""

    def files(self) -> Mapping[str, bytes]:
        """The version's files by name: the artefact, what it needs, and example.json with a request body that the model answers."""
        return {self.artefact: self.content, **self.beside, "example.json": request_body(self.instances).encode()}


def request_body(instances: Sequence[Json]) -> str:
    """The JSON of a request for these instances, laid out for people: one a line, long rows in lines of eight."""
    return '{"instances": [\n' + ",\n".join("  " + _instance(instance) for instance in instances) + "\n]}\n"


def _instance(instance: Json) -> str:
    if not isinstance(instance, list) or len(instance) <= NUMBERS_A_LINE:
        return json.dumps(instance, ensure_ascii=False)
    lines = [instance[start : start + NUMBERS_A_LINE] for start in range(0, len(instance), NUMBERS_A_LINE)]
    return "[" + ",\n   ".join(json.dumps(line)[1:-1] for line in lines) + "]"

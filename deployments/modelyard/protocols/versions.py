"""The versions of a model that a replica serves, by the text that names one in a path: a number or a label."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from modelyard.errors import ModelNotFound
from modelyard.protocols.running_version import RunningVersion


def unknown_version(model_name: str, version: str, served: Iterable[str]) -> ModelNotFound:
    """The error for a version that is not among the served ones."""
    return ModelNotFound(f"model {model_name!r} has no version {version!r} here; served: {', '.join(served)}")


def unknown_label(model_name: str, label: str, labels: Iterable[str]) -> ModelNotFound:
    """The error for a label that no version has."""
    existing = f"labels: {', '.join(labels)}" if labels else "it has no labels"
    return ModelNotFound(f"no version of model {model_name!r} has the label {label!r}; {existing}")


@dataclass(frozen=True, slots=True)
class VersionNames:
    """What names the versions of a model in a path, whether the model is loaded or not."""

    numbers: Sequence[int]
    """Newest first."""
    default: int
    labels: Mapping[str, int] = field(default_factory=dict)
    """Numbers by label."""

    @property
    def named(self) -> dict[str, int]:
        """Numbers by number as text, then by label."""
        return {str(number): number for number in self.numbers} | dict(self.labels)

    def by_path(self) -> dict[str, int]:
        """Numbers by what follows a model's path: "" for the default, then `/versions/<number or label>`."""
        return {"": self.default} | {f"/versions/{name}": number for name, number in self.named.items()}


class Versions:
    """Newest first. The newest is the default, until `choose` sets another."""

    def __init__(self, model_name: str, versions: Mapping[int, RunningVersion]) -> None:
        self._model_name = model_name
        self._versions = versions
        self.default = next(iter(versions.values()))
        """Answers requests that name no version."""
        self.labels: Mapping[str, int] = {}
        """Numbers by label."""

    def choose(self, default: int, labels: Mapping[str, int]) -> None:
        """Set the default and the labels, all of versions that are served (KeyError)."""
        self.default = self._versions[default]
        self.labels = dict(labels)

    def release(self) -> None:
        """Forget all versions, so that their memory is freed. Nothing may be found afterwards."""
        self._versions = {}
        del self.default

    def __iter__(self) -> Iterator[tuple[int, RunningVersion]]:
        return iter(self._versions.items())

    @property
    def numbers(self) -> list[int]:
        """All that are served, newest first."""
        return list(self._versions)

    @property
    def names(self) -> VersionNames:
        """The current names."""
        return VersionNames(self.numbers, self.default.number, self.labels)

    @property
    def named(self) -> dict[str, RunningVersion]:
        """By number, then by label."""
        return {name: self._versions[number] for name, number in self.names.named.items()}

    def find(self, text: str | None) -> RunningVersion:
        """The version with this number or label, or the default for None. Raises ModelNotFound, which lists those that exist."""
        if text is None:
            return self.default
        named = self.named
        if text not in named:
            raise unknown_version(self._model_name, text, named)
        return named[text]

    def labelled(self, label: str) -> RunningVersion:
        """The version with this label. Raises ModelNotFound."""
        if label not in self.labels:
            raise unknown_label(self._model_name, label, self.labels)
        return self._versions[self.labels[label]]

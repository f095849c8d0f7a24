"""The versions of a model that a replica serves, by the number that stands in a path."""

from collections.abc import Iterator, Mapping

from deployments.errors import ModelNotFound
from deployments.replica.version import RunningVersion


class Versions:
    """Newest first; the first answers where no version is named."""

    def __init__(self, model_name: str, versions: Mapping[int, RunningVersion]) -> None:
        self._model_name = model_name
        self._versions = versions
        self._named = {str(number): version for number, version in versions.items()}
        self.newest = next(iter(versions.values()))

    def __iter__(self) -> Iterator[tuple[int, RunningVersion]]:
        return iter(self._versions.items())

    @property
    def numbers(self) -> list[int]:
        """All that are served, newest first."""
        return list(self._versions)

    def find(self, text: str | None) -> RunningVersion:
        """The version of this number, or the newest. Raises ModelNotFound, with those that there are."""
        if text is None:
            return self.newest
        version = self._named.get(text)
        if version is None:
            served = ", ".join(self._named)
            raise ModelNotFound(f"model {self._model_name!r} has no version {text!r} here; served: {served}")
        return version

"""Edits of the soak: each changes one model, and ends when the server reports the change."""

import json
import random
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from benchmarks.pools.answers import Answer, predicted
from benchmarks.pools.pool_server import PoolServer
from benchmarks.pools.soak_answers import ABSENT, Allowed, Outcomes, is_absent, is_allowed
from benchmarks.subject_process import SubjectError, fetch
from benchmarks.thousand_models import Template

POPULAR = 50
"""Half of the edits are of the models with so many requests, the others of any model."""
POLL_S, STATUS_EVERY_S = 0.05, 0.5
TIMEOUT_S = 60.0


class NotApplied(Exception):
    """The server did not report an edit in time. Its argument says what."""


class Editor:
    """Makes one edit after the other. Some undo the one before."""

    def __init__(
        self,
        server: PoolServer,
        ranked: Sequence[Answer],
        kinds: Iterable[Template],
        allowed: Allowed,
        *,
        seed: int,
    ) -> None:
        """`ranked` are the models, from the most popular one."""
        self._server = server
        self._ranked = ranked
        self._kinds = {kind.name: kind for kind in kinds}
        self._allowed = allowed
        self._random = random.Random(seed)
        self._versions: dict[str, list[tuple[int, Any]]] = {each.model: [(1, each.prediction)] for each in ranked}
        """Versions and what they predict, by model, from the oldest one."""
        self._model = ranked[0]
        self._copies = len(ranked)
        self._turn = 0
        self._edits: Sequence[tuple[str, Callable[[], None]]] = (
            ("description", self._describe),
            ("artefact", self._publish_next),
            ("version chosen", self._choose_version),
            ("version of before", self._choose_latest),
            ("broken artefact refused", self._publish_broken),
            ("broken artefact deleted", self._delete_broken),
            ("removed", self._remove),
            ("added", self._add),
        )
        self.seconds: dict[str, list[float]] = {name: [] for name, _ in self._edits}
        """From the edit until the server reported it, by kind."""
        self.first_answers: dict[str, list[float]] = {}
        """From the edit to the first answer that shows it."""
        self.outcomes = Outcomes()
        self.failed: list[str] = []
        """Edits that the server did not report."""

    @property
    def applied(self) -> int:
        """Edits that the server has reported."""
        return sum(map(len, self.seconds.values()))

    def edit(self) -> None:
        """Make the next edit, and wait until the server reports it."""
        name, change = self._edits[self._turn % len(self._edits)]
        self._turn += 1
        begun = time.monotonic()
        try:
            change()
        except NotApplied as error:
            self.failed.append(f"{name} of {self._model.model}: {error}")
        else:
            self.seconds[name].append(time.monotonic() - begun)

    # Edits

    def _describe(self) -> None:
        self._pick()
        text = f"edit {self._turn}"
        self._server.configure(self._model.model, description=text)
        self._wait(lambda: self._listed().get("description") == text, "its description is not listed")

    def _publish_next(self) -> None:
        self._pick()
        self._copies += 1
        version, known = self._last_version()
        kind = self._kind()
        prediction = kind.prediction(self._copies)
        if isinstance(prediction, list):
            (prediction,) = prediction
        self._allowed.set(self._model.model, known, prediction)
        self._publish(version + 1, kind.copied(self._copies))
        self._versions[self._model.model].append((version + 1, prediction))
        self._wait_served(version + 1, prediction, "artefact")
        for old, _ in self._versions[self._model.model][:-2]:
            shutil.rmtree(self._folder / str(old), ignore_errors=True)

    def _choose_version(self) -> None:
        """Of the model with the last artefact: its version of before."""
        (before, prediction), (_, known) = self._versions[self._model.model][-2:]
        self._allowed.set(self._model.model, known, prediction)
        self._server.configure(self._model.model, versions=[before])
        self._wait_served(before, prediction, "version")

    def _choose_latest(self) -> None:
        (_, known), (latest, prediction) = self._versions[self._model.model][-2:]
        self._allowed.set(self._model.model, known, prediction)
        self._server.configure(self._model.model)
        self._wait_served(latest, prediction, "version")

    def _publish_broken(self) -> None:
        """The version of before goes on. It has answered before: it is known to work."""
        self._pick()
        self._answer()
        content = self._kind().copied(self._copies)
        self._publish(self._last_version()[0] + 1, content[: len(content) // 2])
        self._wait(lambda: bool(self._status().get("reason")), "no reason is reported")
        self._answer()

    def _delete_broken(self) -> None:
        version, _ = self._last_version()
        broken = self._folder / str(version + 1)
        hidden = broken.with_name(f".{broken.name}.deleted")
        broken.rename(hidden)
        shutil.rmtree(hidden)
        self._wait(lambda: self._serves(version), "the version of before is not reported")
        self._answer()

    def _remove(self) -> None:
        self._pick()
        _, prediction = self._last_version()
        self._allowed.set(self._model.model, prediction, ABSENT)
        (self._server.config / "models" / f"{self._model.model}.yaml").unlink()
        self._wait(lambda: not self._status() and self._answer() is ABSENT, "it is still there")
        self._allowed.set(self._model.model, ABSENT)

    def _add(self) -> None:
        version, prediction = self._last_version()
        self._allowed.set(self._model.model, ABSENT, prediction)
        self._server.configure(self._model.model)
        self._wait_served(version, prediction, "added")

    # Parts of edits

    def _pick(self) -> None:
        among = self._ranked[:POPULAR] if self._random.random() < 0.5 else self._ranked
        self._model = self._random.choice(among)

    def _kind(self) -> Template:
        return self._kinds[self._model.model.rpartition("-")[0]]

    def _last_version(self) -> tuple[int, Any]:
        return self._versions[self._model.model][-1]

    @property
    def _folder(self) -> Any:
        return self._server.repository / self._model.model

    def _publish(self, version: int, content: bytes) -> None:
        """Write a version under a hidden name, and rename it."""
        partial = self._folder / f".{version}.partial"
        partial.mkdir()
        (partial / self._kind().artefact).write_bytes(content)
        example = self._folder / str(self._last_version()[0]) / "example.json"
        shutil.copy(example, partial / example.name)
        partial.rename(self._folder / str(version))

    def _status(self) -> Mapping[str, Any]:
        """The model's part of the status; {} if it has none."""
        return self._server.models().get(self._model.model, {})

    def _listed(self) -> Mapping[str, Any]:
        """The model's part of `GET /models`; {} if it has none."""
        status, body = fetch(f"{self._server.url}/models?limit=10&search={self._model.model}")
        if status != 200:
            raise SubjectError(f"GET /models: {status}")
        found = _models_of(body)
        return found.get(self._model.model, {})

    def _serves(self, version: int) -> bool:
        status = self._status()
        return bool(
            status
            and status["versions"] == [str(version)]
            and status["state"] == "READY"
            and not status["changing"]
            and not status["reason"]
        )

    def _wait_served(self, version: int, prediction: Any, what: str) -> None:
        """Wait until answers come from this version, and it is reported; then nothing else is allowed."""
        begun = time.monotonic()
        self._wait(lambda: is_allowed(self._answer(), (prediction,), ()), "no answer shows it", POLL_S)
        self.first_answers.setdefault(what, []).append(time.monotonic() - begun)
        self._wait(lambda: self._serves(version), f"version {version} is not reported")
        self._allowed.set(self._model.model, prediction)
        self._answer()

    def _answer(self) -> Any:
        """The model's answer, which is counted; ABSENT if there is no such model, and None if there is no answer."""
        model = self._model.model
        sent, begun = self._allowed.of(model), time.monotonic()
        status, body = fetch(self._server.url + self._model.path, self._model.body)
        found = ABSENT if is_absent(status, body) else predicted(body) if status == 200 else None
        if found is None:
            self.outcomes.problem(self.outcomes.lost, f"edit {status}", f"{model}: {status} {body.decode()[:200]}")
        elif not is_allowed(found, sent, self._allowed.of(model)):
            text = f"after an edit, {model} answered {'404' if found is ABSENT else found}, allowed {sent}"
            self.outcomes.problem(self.outcomes.wrong, "edit", text)
        elif found is not ABSENT:
            self.outcomes.right("edit", 0, time.monotonic() - begun)
        return found

    def _wait(self, true: Callable[[], bool], what: str, every_s: float = STATUS_EVERY_S) -> None:
        begun = time.monotonic()
        while not true():
            if time.monotonic() - begun > TIMEOUT_S:
                raise NotApplied(f"{what} after {TIMEOUT_S:g} s; status: {self._status()}")
            time.sleep(every_s)


def _models_of(body: bytes) -> dict[str, Mapping[str, Any]]:
    return {each["name"]: each for each in json.loads(body)["models"]}

"""Models that end the process of their pool: after the second time within an hour they are not loaded.

The kernel does not say for which thread it has killed a process, so a death counts in part for each model that ran. With a whole
count, two kills under load would put all busy models into quarantine.

A process that ends leaves which models were called or loaded (`inference.running_requests`). The next replica of the pool on this
machine counts that, before it loads a model. A model is free again when its arguments change.

Several replicas may read and write at the same time: any file may be gone when it is read, and a record is replaced as a whole.
"""

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import orjson

from modelyard.inference.running_requests import is_alive, read_calls
from modelyard.replica_files.paths import ReplicaFiles

WINDOW_S = 3600.0
MAX_DEATHS = 2
"""So many deaths within WINDOW_S put a model into quarantine."""
ROUNDING = 1e-6
"""Of the sum of such parts."""
FILE = "quarantine.json"
"""In the folder of the pool's replicas."""
CURRENT_THREAD = re.compile(r"^Current thread (0x[0-9a-f]+)", re.MULTILINE)
"""In the text of faulthandler: the thread in which the fatal signal was raised."""

logger = logging.getLogger("ray.serve")


@dataclass(frozen=True, slots=True)
class ModelDeath:
    """A process ended while it called or loaded this model."""

    replica: str
    model: str
    at: float
    """Seconds since 1970."""
    fingerprint: str = ""
    """Of the model's arguments when the next replica started; "" before that."""
    share: float = 1.0
    """How much it counts: a process that was killed while several models ran counts for each of them in part."""


class Quarantine:
    """Of one pool on this machine."""

    def __init__(self, files: ReplicaFiles, now: Callable[[], float] = time.time) -> None:
        """`files` are those of this replica."""
        self._files = files
        self._folder = files.running.parent
        self._now = now
        self._deaths: list[ModelDeath] = []

    def read(self) -> None:
        """Read what replicas that have ended left, and delete what is too old to count.

        Files that cannot be read count as missing.
        """
        known = list(self._recorded())
        replicas = {death.replica for death in known}
        try:
            found = [path for path in self._folder.glob("*.running") if path != self._files.running]
        except OSError as error:
            logger.warning("cannot read %s: %s", self._folder, error)
            found = []
        for path in found:
            if is_alive(path):
                continue
            files = replace(self._files, replica=path.stem)
            if not self._counts(_ended_at(files)):
                _delete(path)
            elif path.stem not in replicas:
                known += _deaths_of(files)
        self._deaths = [death for death in known if self._counts(death.at)]

    def bind(self, fingerprints: Mapping[str, str]) -> None:
        """Attribute what was found to the arguments that the models have now, by name."""
        self._deaths = [
            death if death.fingerprint else replace(death, fingerprint=fingerprints.get(death.model, ""))
            for death in self._deaths
        ]

    def write(self) -> None:
        """Record what was found for the replicas that follow, beside what other replicas have recorded since."""
        recorded = [death for death in self._recorded() if self._counts(death.at)]
        known = {(death.replica, death.model) for death in recorded}
        deaths = recorded + [death for death in self._deaths if (death.replica, death.model) not in known]
        path = self._folder / FILE
        partial = path.with_suffix(f".{self._files.replica}")
        try:
            partial.write_bytes(orjson.dumps([asdict(death) for death in deaths]))
            partial.replace(path)
        except OSError as error:
            logger.warning("cannot write %s: %s", path, error)

    def reason(self, model: str, fingerprint: str) -> str:
        """Why a model with these arguments is not loaded; "" if it may be."""
        deaths = [death for death in self._deaths if death.model == model and death.fingerprint == fingerprint]
        if sum(death.share for death in deaths) < MAX_DEATHS - ROUNDING:
            return ""
        return (
            f"in quarantine: the process of its pool ended {len(deaths)} times within an hour while it called or loaded this "
            "model. To load it again, change its file or its artefact"
        )

    def _recorded(self) -> Iterator[ModelDeath]:
        try:
            for entry in orjson.loads((self._folder / FILE).read_bytes()):
                yield ModelDeath(**entry)
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError) as error:
            logger.warning("cannot read %s: %s", self._folder / FILE, error)

    def _counts(self, at: float) -> bool:
        return self._now() - at < WINDOW_S


def _ended_at(files: ReplicaFiles) -> float:
    """When a process ended: it has written a file last. 0 if its files are gone."""
    at = 0.0
    for path in (files.running, files.exit, files.fatal):
        with suppress(OSError):
            at = max(at, path.stat().st_mtime)
    return at


def _delete(path: Path) -> None:
    with suppress(OSError):  # another replica has deleted it, or it is no file
        path.unlink()


def _deaths_of(files: ReplicaFiles) -> Iterator[ModelDeath]:
    record = files.read_exit()
    if record is not None and record.reason in ("stopped", "health_check"):
        return  # Serve has ended it
    calls = read_calls(files.running)
    thread = record.thread if record is not None else ""
    if fatal := CURRENT_THREAD.search(files.read_fatal()):
        thread = fatal[1]
    if thread:
        calls = tuple(call for call in calls if call.thread == thread)
    at = _ended_at(files)
    models = {call.model for call in calls if call.model}
    for model in models:
        yield ModelDeath(files.replica, model, at, share=1 / len(models))

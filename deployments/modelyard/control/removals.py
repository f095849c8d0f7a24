"""Models and versions that run and are missing from the files. Pure.

A missing file or folder may be intended (the operator deleted it) or an accident: a volume that is not mounted, a checkout under
way, a wrong `mv`. So it must be missing for a while before anything is removed, and the removal of most models waits for a
confirmation.
"""

from collections.abc import Callable, Collection, Mapping

from modelyard.config.load import MODELS_FOLDER, SERVER_FILE, Config
from modelyard.config.server_spec import ServerSpec
from modelyard.control.desired import DesiredState
from modelyard.control.serve_config import GATEWAY, ServeConfig, versions_of
from modelyard.repository.resolve import Resolved

REMOVAL_DELAY_S = 3.0
"""How long something must be missing. A checkout, or an editor that deletes and rewrites a file, takes less."""
_MAX_NAMES = 5


def emptied(config: Config, last: Config | None) -> str:
    """Why this configuration seems to be lost, compared with the `last` one that was served; "" if it does not."""
    return _no_server_file(config, last.server if last else None) or (
        _no_models(config, len(last.models)) if last and last.models and not config.models else ""
    )


def withheld(config: Config, server: ServerSpec | None, running: Collection[str]) -> str:
    """Why this configuration needs a confirmation; "" if it needs none.

    `running` are the names of the models that run, `server` is the server.yaml with which they run, or None.
    """
    gone = removed(config, running)
    if 2 * len(gone) <= len(running) or not gone:
        return _no_server_file(config, server)
    if not config.models:
        return _no_models(config, len(running))
    shown = ", ".join(gone[:_MAX_NAMES]) + (f" and {len(gone) - _MAX_NAMES} more" if len(gone) > _MAX_NAMES else "")
    return f"{len(gone)} of the {_models(len(running))} of the last configuration have no file ({shown})"


def removed(config: Config, running: Collection[str]) -> list[str]:
    """Names of running models that the configuration does not hold."""
    return sorted({*running} - {model.name for model in config.models})


def missing(desired: DesiredState, current: Mapping[str, ServeConfig]) -> frozenset[str]:
    """Models that run and have no file, and versions that run and have no folder, as <model> and <model>/<version>."""
    running = current.keys() - {GATEWAY}
    versions = {
        f"{model.spec.name}/{number}"
        for model in desired.models
        if isinstance(model, Resolved) and model.spec.name in running and model.spec.name in desired.versions_there
        for number, _ in versions_of(current[model.spec.name])
        if number not in desired.versions_there[model.spec.name]
    }
    return frozenset({*removed(desired.config, running), *versions})


class RemovalDelay:
    """Measures how long the same models and versions have been missing."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._missing: frozenset[str] = frozenset()
        self._since = 0.0

    def is_over(self, missing: frozenset[str]) -> bool:
        """Whether to apply now: nothing is missing, or the same has been missing for REMOVAL_DELAY_S."""
        if missing != self._missing:
            self._missing, self._since = missing, self._now()
        return not missing or self._now() - self._since >= REMOVAL_DELAY_S


def _no_server_file(config: Config, server: ServerSpec | None) -> str:
    if SERVER_FILE not in config.missing or server is None or server == ServerSpec():
        return ""
    return f"{SERVER_FILE} is missing or empty, and the last configuration had settings in it"


def _no_models(config: Config, count: int) -> str:
    what = "the folder models is missing" if MODELS_FOLDER in config.missing else "the folder models holds no model"
    return f"{what}, and the last configuration had {_models(count)}"


def _models(count: int) -> str:
    return "1 model" if count == 1 else f"{count} models"

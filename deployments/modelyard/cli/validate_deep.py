"""Implements `modelyard validate --deep`: loads every model in this process, without Ray, and runs its example."""

from pathlib import Path

from modelyard.control.desired import DesiredState
from modelyard.ray_serve.application_status import describe_error
from modelyard.repository.resolve import Resolved


def check_models(desired: DesiredState) -> dict[str, str]:
    """Reasons by model, of models that fail to load or to run their example."""
    root = desired.config.repository_root
    return {
        model.spec.name: reason
        for model in desired.models
        if isinstance(model, Resolved) and (reason := _load_error(model, root))
    }


def _load_error(model: Resolved, root: Path) -> str:
    """Load the model as its replica would before it serves traffic; "" if that succeeds."""
    from modelyard.replica.loading import load_version  # noqa: PLC0415 - imports the frameworks

    try:
        for version in model.versions:
            load_version(model.spec, model.runtime, root, version).worker.stop()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - any error of a model is a finding
        return describe_error(type(error).__name__, str(error))
    return ""

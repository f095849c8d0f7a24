"""`modelyard validate --deep`: load every model here and run its example, without Ray."""

from pathlib import Path

from modelyard.control.desired import DesiredState
from modelyard.ray_serve.application_status import describe_error
from modelyard.repository.resolve import Resolved


def check_models(desired: DesiredState) -> dict[str, str]:
    """Reasons by model, of those that do not load or do not answer their example."""
    root = desired.config.repository_root
    return {
        model.spec.name: reason
        for model in desired.models
        if isinstance(model, Resolved) and (reason := _rehearse(model, root))
    }


def _rehearse(model: Resolved, root: Path) -> str:
    """Do here what the model's replica would do before it takes traffic; "" where that goes well."""
    from modelyard.replica.loading import load_version  # noqa: PLC0415 - brings the frameworks

    try:
        for version in model.versions:
            load_version(model.spec, model.runtime, root, version).worker.stop()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a model's loading raises is a finding
        return describe_error(type(error).__name__, str(error))
    return ""

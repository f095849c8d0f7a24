"""Takes the settings that applications follow out of what Serve gets, and puts them back into what Serve runs. Pure.

The rest of the control plane sees them where Serve would have them: as the `user_config` of a deployment.
"""

from collections.abc import Mapping
from typing import Any

from modelyard.config.url_paths import APPLICATION_PREFIX
from modelyard.control.serve_config import GATEWAY, ServeConfig, settings_of
from modelyard.control.status import Running
from modelyard.ray_serve.live_settings import Settings


def split(config: ServeConfig) -> tuple[ServeConfig, Settings]:
    """The config without the settings of the gateway and the pools, and these by application and model."""
    settings = {
        application["name"]: _by_model(settings_of(application)["models"])
        for application in config["applications"]
        if _follows(application["name"])
    }
    applications = [_without_settings(each) if each["name"] in settings else each for each in config["applications"]]
    return {**config, "applications": applications}, settings


def join(running: Running, settings: Settings) -> Running:
    """An observation of Serve with these settings where `split` has found them."""
    return Running(
        {
            name: _with_settings(name, details, settings.get(name, {})) if _follows(name) else details
            for name, details in running.applications.items()
        }
    )


def _follows(application: str) -> bool:
    return application == GATEWAY or application.startswith(APPLICATION_PREFIX)


def _by_model(models: Any) -> Mapping[str, Any]:
    """A pool has its models by name, the gateway in a list."""
    return models if isinstance(models, dict) else {model["name"]: model for model in models}


def _without_settings(application: ServeConfig) -> ServeConfig:
    (deployment,) = application["deployments"]
    return {**application, "deployments": [{key: value for key, value in deployment.items() if key != "user_config"}]}


def _with_settings(name: str, details: dict[str, Any], models: Mapping[str, Any]) -> dict[str, Any]:
    application = details.get("deployed_app_config")
    if not application:  # Serve is deleting it
        return details
    (deployment,) = application["deployments"]
    user_config = {"models": [*models.values()] if name == GATEWAY else models}
    return {
        **details,
        "deployed_app_config": {**application, "deployments": [{**deployment, "user_config": user_config}]},
    }

"""What Serve runs now, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelyard.control.serve_config import ServeConfig
from modelyard.ray_serve.application_status import is_unlisted, text_of


@dataclass(frozen=True, slots=True)
class Running:
    """One look at Serve."""

    applications: Mapping[str, dict[str, Any]]
    """Serve's ApplicationDetails by name."""

    @property
    def configs(self) -> dict[str, ServeConfig]:
        """The deployed config of each application, in the form that `applications.serve_config` gives it."""
        return {
            name: details["deployed_app_config"]
            for name, details in self.applications.items()
            if details.get("deployed_app_config")
        }

    @property
    def building(self) -> list[str]:
        """The applications that Serve is deploying, of which it may list no deployments."""
        return [name for name, details in self.applications.items() if text_of(details["status"]) == "DEPLOYING"]

    def after(self, before: "Running") -> "Running":
        """This look, with what the one before knows of applications that Serve is building.

        For as long as it builds an application again, and where it cannot, Serve lists none of its deployments, though the
        replicas that run serve on.
        """
        return Running(
            {
                name: {**details, "deployments": before.applications[name]["deployments"]}
                if is_unlisted(text_of(details["status"]), details["deployments"]) and name in before.applications
                else details
                for name, details in self.applications.items()
            }
        )

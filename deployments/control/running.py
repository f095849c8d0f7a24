"""What Serve runs now, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deployments.control.names import ServeConfig


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

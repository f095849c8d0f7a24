"""Names that the control path agrees on. Imports nothing of ours, for the command reads it before it does anything."""

from typing import Any

GATEWAY = "gateway"
"""The application that answers where no model does."""

ServeConfig = dict[str, Any]
"""A `ServeDeploySchema`, or one of its applications, as plain values."""

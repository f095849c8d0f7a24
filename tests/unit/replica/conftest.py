"""Fixtures of the scheduler tests, for the watchdog."""

from tests.unit.inference.conftest import rig

__all__ = ["rig"]

"""Imports Ray Serve without what it does not need here."""

import importlib
import sys


def import_serve() -> None:
    """Import Ray Serve without pandas, which it imports where it is installed: 0.3 s and 50 MB of each process.

    Serve uses it to write a data frame as the response of a deployment, which no deployment here returns. Models import it as ever.
    """
    if "pandas" in sys.modules or "ray.serve._private.utils" in sys.modules:
        return
    sys.modules["pandas"] = None  # type: ignore[assignment] # an import of it raises ImportError
    try:
        importlib.import_module("ray.serve")
    finally:
        del sys.modules["pandas"]

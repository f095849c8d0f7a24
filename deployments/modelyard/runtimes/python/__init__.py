"""The python runtime, for an operator's own class. The entry point is `model.py`."""

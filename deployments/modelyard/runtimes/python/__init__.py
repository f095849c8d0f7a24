"""The python runtime, an operator's own class; `model.py` is where it starts."""

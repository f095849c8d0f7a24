"""The scikit-learn runtime; `model.py` is where it starts."""

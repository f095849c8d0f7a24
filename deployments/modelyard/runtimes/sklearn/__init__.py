"""The scikit-learn runtime. The entry point is `model.py`."""

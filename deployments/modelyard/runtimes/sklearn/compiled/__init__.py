"""Text vectorizers, linear models and trees, compiled to flat arrays. The entry point is `compilation.py`."""

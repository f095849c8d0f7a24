"""Serves generated models and compares each response with the model's own output. The entry point is `python -m tests.zoo`."""

"""The onnx runtime; `model.py` is where it starts."""

"""The onnx runtime. The entry point is `model.py`."""

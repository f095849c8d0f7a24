"""modelyard: a config-driven, multi-model inference server on Ray Serve."""

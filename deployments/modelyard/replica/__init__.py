"""The Ray Serve deployment of a model, and what concerns its replica's process."""

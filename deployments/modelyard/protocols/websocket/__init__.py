"""WebSockets of a model."""

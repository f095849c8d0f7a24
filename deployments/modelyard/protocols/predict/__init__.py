"""The prediction API: everything at and below `/models/<name>`."""

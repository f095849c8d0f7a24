"""The prediction API: `POST /models/<name>/predict` and what belongs to it."""

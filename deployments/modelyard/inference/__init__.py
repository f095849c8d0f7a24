"""The model server: admission, deadline, batching."""

"""What runtimes know of the process that they load models into."""


class ModelProcess:
    """Set before the first model is loaded."""

    holds_many_models = False
    """Whether models come and go: memory that a model does not use now returns to the system, at the cost of speed."""


PROCESS = ModelProcess()
"""This process."""

"""The error of a part that is not compiled."""


class NotCompiledError(Exception):
    """A fitted estimator has an option that is not compiled. Its one argument is the reason, for the operator."""

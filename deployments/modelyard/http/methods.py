"""Which methods a path takes."""

from modelyard.errors import MethodNotAllowed
from modelyard.http.request import HttpRequest


def check_method(request: HttpRequest, *methods: str) -> None:
    """Raise MethodNotAllowed unless the request has one of these; HEAD goes where GET does."""
    allowed = (*methods, "HEAD") if "GET" in methods else methods
    if request.method in allowed:
        return
    error = MethodNotAllowed(f"{request.path} takes {' or '.join(methods)}, not {request.method}")
    error.allow = allowed
    raise error

"""Which methods a path takes."""

from deployments.errors import MethodNotAllowed
from deployments.protocols.http import HttpRequest


def check_method(request: HttpRequest, method: str) -> None:
    """Raise MethodNotAllowed unless the request has this method; HEAD goes where GET does."""
    if request.method == method or (method == "GET" and request.method == "HEAD"):
        return
    error = MethodNotAllowed(f"{request.path} takes {method}, not {request.method}")
    error.allow = ("GET", "HEAD") if method == "GET" else (method,)
    raise error

"""CORS, as HAProxy rules: which pages of other origins may read responses (https://fetch.spec.whatwg.org/#http-cors-protocol)."""

from collections.abc import Sequence

EXPOSED_HEADERS = "x-request-id, inference-header-content-length, retry-after"
"""Response headers that a page may read, besides those that are always readable."""
ALLOWED_HEADERS = "*, authorization"
"""Request headers that a page may set: any. The asterisk does not cover `authorization`, which must be named."""
MAX_AGE_S = 600
"""How long a browser caches a preflight response. A page whose origin is removed may send, but not read, for as long."""

RULES = """\
    # CORS for the origins of http.cors.
    acl listed_page req.fhdr(origin) -m str {origins}
    http-request set-var(txn.origin) req.fhdr(origin) if listed_page
    acl preflight req.hdr(access-control-request-method) -m found
    http-request return status 204 hdr access-control-allow-methods "GET, POST" hdr access-control-allow-headers \
"{allowed_headers}" hdr access-control-max-age {max_age_s} if METH_OPTIONS listed_page preflight
    # On every response, including the edge's own errors. `vary` makes caches store a response per origin, listed or not.
    http-after-response set-header access-control-allow-origin %[var(txn.origin)] if {{ var(txn.origin) -m found }}
    http-after-response set-header access-control-expose-headers "{exposed_headers}" if {{ var(txn.origin) -m found }}
    http-after-response add-header vary origin unless forward
"""


def render_cors(origins: Sequence[str]) -> str:
    """Rules for the HTTP frontend, which define the acl `listed_page`; "" without origins. No origin needs quoting.

    `forward` is an acl of the frontend: the newest HAProxy process has already applied these rules to the response.
    """
    if not origins:
        return ""
    return RULES.format(
        origins=" ".join(origins),
        max_age_s=MAX_AGE_S,
        exposed_headers=EXPOSED_HEADERS,
        allowed_headers=ALLOWED_HEADERS,
    )

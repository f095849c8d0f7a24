"""What lets pages of other origins read our answers (https://fetch.spec.whatwg.org/#http-cors-protocol). Pure text."""

from collections.abc import Sequence

EXPOSED_HEADERS = "x-request-id, inference-header-content-length, retry-after"
"""The headers of an answer that a page may read, beside those that it always may."""
ALLOWED_HEADERS = "*, authorization"
"""The headers of a request that a page may set: any. The asterisk leaves this one out, whose name must be given."""
MAX_AGE_S = 600
"""How long a browser need not ask again; a page that is taken off the list may send, but not read, for as long."""

RULES = """\
    acl listed_page req.fhdr(origin) -m str {origins}
    http-request set-var(txn.origin) req.fhdr(origin) if listed_page
    acl asked_first req.hdr(access-control-request-method) -m found
    http-request return status 204 hdr access-control-allow-methods "GET, POST" hdr access-control-allow-headers "{sendable}" \
hdr access-control-max-age {remembered_s} if METH_OPTIONS listed_page asked_first
    # On every answer, the edge's own too. A cache must keep what it has for one page from another, listed or not.
    http-after-response set-header access-control-allow-origin %[var(txn.origin)] if {{ var(txn.origin) -m found }}
    http-after-response set-header access-control-expose-headers "{readable}" if {{ var(txn.origin) -m found }}
    http-after-response add-header vary origin unless passed_on
"""


def render_cors(origins: Sequence[str]) -> str:
    """Lines for the HTTP frontend, with the acl `listed_page`; none without origins. They hold nothing that wants quoting.

    `passed_on` is an acl of the frontend: the answer has passed these lines in another process.
    """
    if not origins:
        return ""
    return RULES.format(
        origins=" ".join(origins), remembered_s=MAX_AGE_S, readable=EXPOSED_HEADERS, sendable=ALLOWED_HEADERS
    )

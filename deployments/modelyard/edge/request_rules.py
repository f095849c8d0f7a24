"""What an HTTP request is made of before it is routed: its size, its path, and what it wants to become. Pure text."""

from modelyard.edge.error_responses import problem_response

MAX_HEADERS_BYTES = 48 * 1024
"""Bytes of a request's headers. Beside them a buffer needs room for what HAProxy itself writes."""
MAX_URL_BYTES = 16 * 1024
BUFFER_BYTES = 128 * 1024
"""HAProxy can read no longer headers, and closes the connection on them: HTTP/2's with all that is under way on it. So there is
much room above the limit, where a request is refused alone."""
MAX_HEADERS = 500

RULES = """\
    # What RFC 9112 (3.2, 2.3) and RFC 9110 (10.1.1) have servers refuse. HAProxy itself replaces folded lines by spaces and takes a
    # line feed alone for the end of a line, as the first of them lets it.
    acl first_protocol fc_http_major 1
    acl current_version req.ver 1.0 1.1
    http-request return {wrong_version} if first_protocol !current_version
    acl hosted req.hdr(host) -m found
    acl old_version req.ver 1.0
    http-request return {no_host} if !hosted !old_version
    acl expecting req.hdr(expect) -m found
    acl continues req.hdr(expect) -i 100-continue
    http-request return {expected} if expecting !continues

    acl long_headers req.hdrs,length gt {headers_limit}
    http-request return {headers_too_large} if long_headers
    acl long_url url,length gt {url_limit}
    http-request return {url_too_long} if long_url

    # A replica would wait for the new protocol, and never read the body. Nothing here speaks any but WebSocket's.
    acl handshake req.hdr(upgrade) -i websocket
    http-request del-header upgrade unless METH_GET handshake

    # An encoded path is the path that it encodes, as replicas and the gateway have it; they must not read it differently. No
    # path here has a character that wants encoding. An encoded slash is none.
    acl encoded path -m sub %
    acl encoded_slash path -m sub -i %2f
    http-request set-var(txn.path) path,url_dec if encoded
    acl plain var(txn.path) -m reg ^[A-Za-z0-9._~/:-]+$
    http-request return {not_plain} if encoded !plain or encoded encoded_slash
    http-request set-path %[var(txn.path)] if encoded
"""


def render_request_rules() -> str:
    """Lines for the HTTP frontend."""
    return RULES.format(
        wrong_version=problem_response(
            505, "HTTP Version Not Supported", "this server speaks HTTP/1.0, HTTP/1.1 and HTTP/2"
        ),
        no_host=problem_response(400, "Bad Request", "the request has no Host header"),
        expected=problem_response(417, "Expectation Failed", "the only expectation that is met is 100-continue"),
        headers_limit=MAX_HEADERS_BYTES,
        url_limit=MAX_URL_BYTES,
        url_too_long=problem_response(
            414, "URI Too Long", f"the URL has more than {MAX_URL_BYTES} bytes, the most that is accepted"
        ),
        headers_too_large=problem_response(
            431,
            "Request Header Fields Too Large",
            f"the headers have more than {MAX_HEADERS_BYTES} bytes, the most that is accepted",
        ),
        not_plain=problem_response(
            404, "Not Found", "nothing answers this path: it has characters that no path here has"
        ),
    )

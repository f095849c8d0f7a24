"""HAProxy rules that check an HTTP request before it is routed: version, headers, sizes and path. Pure text."""

from modelyard.edge.error_responses import problem_response

MAX_HEADERS_BYTES = 16 * 1024
"""Size of a request's headers, as in Node.js."""
MAX_URL_BYTES = 8 * 1024
"""RFC 9110 (4.1) recommends at least 8000."""
BUFFER_BYTES = 32 * 1024
"""HAProxy cannot parse headers that exceed its buffer: it closes the connection, and with HTTP/2 all requests on it. The buffer is
therefore nearly twice as large as the limit, so that a request above the limit is rejected alone. It is not larger, because HAProxy
copies a whole buffer, however small the request in it, to be able to send it again: see docs/adr/0013-small-buffers.md."""
MAX_HEADERS = 500

RULES = """\
    # RFC 9112 (3.2, 2.3) and RFC 9110 (10.1.1) require servers to reject these. HAProxy itself replaces folded header lines by
    # spaces and accepts a bare line feed as the end of a line, as RFC 9112 permits.
    acl is_http1 fc_http_major 1
    acl supported_version req.ver 1.0 1.1
    http-request return {wrong_version} if is_http1 !supported_version
    acl has_host req.hdr(host) -m found
    acl is_http10 req.ver 1.0
    http-request return {no_host} if !has_host !is_http10
    acl has_expect req.hdr(expect) -m found
    acl expects_continue req.hdr(expect) -i 100-continue
    http-request return {wrong_expect} if has_expect !expects_continue

    http-request set-var(txn.header_bytes) req.hdrs,length
    acl long_headers var(txn.header_bytes) -m int gt {max_headers_bytes}
    http-request return {headers_too_large} if long_headers
    acl long_url url,length gt {max_url_bytes}
    http-request return {url_too_long} if long_url

    # A replica would wait for the upgrade and never read the body. WebSocket is the only protocol that is supported.
    acl handshake req.hdr(upgrade) -i websocket
    http-request del-header upgrade unless METH_GET handshake

    # Decode a percent-encoded path, so that the edge, replicas and gateway route the same path. No path of this server has a
    # character that needs encoding, and an encoded slash is not a path separator.
    acl encoded path -m sub %
    acl encoded_slash path -m sub -i %2f
    http-request set-var(txn.path) path,url_dec if encoded
    acl valid_path var(txn.path) -m reg ^[A-Za-z0-9._~/:-]+$
    http-request return {invalid_path} if encoded !valid_path or encoded encoded_slash
    http-request set-path %[var(txn.path)] if encoded
"""


def render_request_rules() -> str:
    """The rules, for the HTTP frontend."""
    return RULES.format(
        wrong_version=problem_response(
            505, "HTTP Version Not Supported", "only HTTP/1.0, HTTP/1.1 and HTTP/2 are supported"
        ),
        no_host=problem_response(400, "Bad Request", "the request has no Host header"),
        wrong_expect=problem_response(417, "Expectation Failed", "the only supported expectation is 100-continue"),
        max_headers_bytes=MAX_HEADERS_BYTES,
        max_url_bytes=MAX_URL_BYTES,
        url_too_long=problem_response(
            414, "URI Too Long", f"the URL is longer than the limit of {MAX_URL_BYTES} bytes"
        ),
        headers_too_large=problem_response(
            431,
            "Request Header Fields Too Large",
            f"the headers are larger than the limit of {MAX_HEADERS_BYTES} bytes",
        ),
        invalid_path=problem_response(
            404, "Not Found", "the path contains a character that no path of this server contains"
        ),
    )

"""HAProxy rules for a request whose replica dies before it answers. Pure text.

HAProxy buffers a request that fits into its buffer, and sends it again if the connection breaks before the response
(`retry-on empty-response`, which Serve's backends have by their environment). A prediction may therefore be computed twice.

A request that cannot be sent again needs a new connection. If HAProxy reused a connection to the replica and it breaks,
HAProxy closes the client's connection without a response (RFC 9112, 9.3.1, expects clients to retry; for a POST they do not). So
such a request is forwarded through the newest process's own socket, where each connection is used once: the client gets a 503.
"""

from modelyard.edge.model_maps import NO_RETRY_FILE
from modelyard.edge.takeover import FORWARD_LISTENER

RETRY_BYTES = 24 * 1024
"""HAProxy waits for requests below this size, with their headers, and may send them again. Whatever the number of headers, a buffer
that is full contains more: each header takes 8 bytes besides its text, and `tune.maxrewrite` keeps 1 KiB free."""

RULES = f"""\
    acl no_retry var(txn.model),map({NO_RETRY_FILE}) -m found
    acl forwarded so_name {FORWARD_LISTENER}
    http-request disable-l7-retry if no_retry
    http-request set-var(txn.forward) bool(true) if no_retry !forwarded
    http-request set-var(txn.head_bytes) url,length,add(txn.header_bytes)
    http-request set-var(txn.forward) bool(true) if {{ req.body_len,add(txn.head_bytes) ge {RETRY_BYTES} }} !forwarded
"""

STREAM_RULE = "    http-request set-var(txn.forward) bool(true) if stream !forwarded\n"
"""For gRPC, after RULES: HAProxy does not buffer the messages of a stream."""

"""What becomes of a request whose replica dies before it answers. Pure text.

HAProxy keeps a request that fits into its buffer, and sends it again where the connection breaks before the response
(`retry-on empty-response`, which Serve's own backends have by the environment). A prediction may be computed twice.

Where it cannot, and had used the connection before, it closes the client's without a response: so RFC 9112, 9.3.1, has it for
clients that send again by themselves, which those of a POST do not. So such a request takes a connection of its own: through the
door of the newest process, where the response is then missing on a connection that was not used before, and the client gets a 503.
"""

from modelyard.edge.model_maps import NO_RETRY_FILE
from modelyard.edge.takeover import FORWARD_LISTENER

MAX_RETRY_BODY_BYTES = 64 * 1024
"""The longest body that is waited for as a whole, and may be sent again. At the least speed of 4 KiB/s it comes within the 20 s
that a body's beginning has."""

RULES = f"""\
    acl never_again var(txn.model),map({NO_RETRY_FILE}) -m found
    acl through_the_door so_name {FORWARD_LISTENER}
    http-request disable-l7-retry if never_again
    http-request set-var(txn.passed_on) bool(true) if never_again !through_the_door
    http-request set-var(txn.passed_on) bool(true) if {{ req.body_len ge {MAX_RETRY_BODY_BYTES} }} !through_the_door
"""

STREAM_RULE = "    http-request set-var(txn.passed_on) bool(true) if stream !through_the_door\n"
"""For gRPC, behind the others: the messages of a stream come one after the other, and HAProxy keeps none."""

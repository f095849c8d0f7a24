"""The bytes and the TLS settings of requests to the model under test."""

import ssl
from typing import Any


def request_bytes(job: dict[str, Any], body: bytes) -> bytes:
    """One HTTP request."""
    head = (
        f"POST {job['path']} HTTP/1.1\r\nhost: {job['authority']}\r\nuser-agent: modelyard-bench\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def tls_context(files: dict[str, str]) -> ssl.SSLContext:
    """Trusts the server's own certificate file, whatever its names: the client connects to an address of this machine."""
    context = ssl.create_default_context(cafile=files["ca"])
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if files.get("certificate"):
        context.load_cert_chain(files["certificate"], files.get("key") or None)
    return context

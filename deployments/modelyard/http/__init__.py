"""HTTP in replicas and in the gateway: the fast path inside uvicorn's protocol, the ASGI application, and what both share.

The modules on formats and errors (`accept`, `compression`, `error_response`, `inflate`, `media_types`, `problem`, `sse`) do no IO.
"""

"""gRPC without HTTP/2, which HAProxy terminates: frames, statuses, timeouts, and the messages and methods of each service."""

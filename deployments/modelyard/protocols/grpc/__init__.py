"""gRPC as far as it is not HTTP/2, which HAProxy ends: frames, statuses, time-outs, and the messages of each service."""

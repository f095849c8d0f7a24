"""What is recorded about requests: metrics, the log of requests, traces."""

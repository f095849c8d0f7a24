"""Files that a replica writes and others read: its log, the log of requests, the requests that run."""

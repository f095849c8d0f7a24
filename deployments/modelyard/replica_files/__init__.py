"""Files that a replica writes and other processes read: its log, the request log, its running requests, why it ended."""

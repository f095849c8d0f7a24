"""Measures modelyard side by side with other inference servers: `python -m benchmarks.peers` (`make bench-peers`)."""

"""Measures modelyard's throughput and start-up against rivals on this machine: `python -m benchmarks`."""

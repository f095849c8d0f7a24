"""Load and start-up measured against rivals on this machine: `python -m benchmarks`."""

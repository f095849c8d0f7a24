"""Metrics: declared in one place, counted in each process, summed by the hub."""

"""Measures pools with many models: memory, start, rates, changes, loads; and a soak that checks every answer."""

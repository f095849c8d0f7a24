"""Metrics: declared once, counted in each process, added up by the hub."""

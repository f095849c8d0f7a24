"""Decodes large bodies in a separate process."""

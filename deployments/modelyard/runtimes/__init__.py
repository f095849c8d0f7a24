"""Adapters of frameworks, and the registry of them."""

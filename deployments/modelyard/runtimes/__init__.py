"""Adapters of frameworks, and the table that names them."""

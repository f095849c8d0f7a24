"""The protocols that models speak: one folder each, one row each in `table.py`.

Codecs are pure: bytes to tensors and tensors to bytes, without IO. An endpoint submits what its codec decoded.
"""

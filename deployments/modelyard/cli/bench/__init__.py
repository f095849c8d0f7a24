"""Implements `modelyard bench`: load on one model of a running server, over requests in flight and rows per request."""

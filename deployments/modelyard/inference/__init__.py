"""Serving inference requests of one model version: admission, deadlines, batching, generation and warm-up."""

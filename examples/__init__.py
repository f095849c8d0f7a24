"""Example models: real data, small trainers, one module a model."""

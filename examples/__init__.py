"""Example models: real data and small training functions, one module per model."""

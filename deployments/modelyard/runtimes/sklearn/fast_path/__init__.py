"""A fast path through scikit-learn's own estimators, and the parity check of it against their methods."""

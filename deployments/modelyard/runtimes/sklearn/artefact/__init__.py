"""Loads the fitted estimator from a version's files, and explains why a file cannot be loaded."""

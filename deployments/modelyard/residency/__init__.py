"""Which models of a pool are in memory: pure decisions, and the measurement of their sizes."""

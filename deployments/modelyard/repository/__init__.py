"""The model repository: scan, digests, versions; pure decisions over a snapshot."""

"""What no model answers: the catalogue, readiness and unknown paths."""

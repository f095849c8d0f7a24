"""What modelyard is measured against; each answers the same request with the same predictions."""

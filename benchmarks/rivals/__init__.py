"""The servers that modelyard is compared with. Each returns the same predictions for the same request."""

"""YAML to frozen specs, with errors that point at the place."""

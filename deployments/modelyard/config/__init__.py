"""YAML to frozen specs, with errors that give file, line, column and a suggestion."""

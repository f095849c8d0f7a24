"""Text from outside as messages show it: decoded, quoted, compared; timestamps."""

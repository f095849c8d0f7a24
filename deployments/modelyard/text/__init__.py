"""Text from outside, shown to people: decoded, quoted, compared."""

"""Reading and converting the values of a request: datatypes, arrays, row layouts, and errors for invalid values."""

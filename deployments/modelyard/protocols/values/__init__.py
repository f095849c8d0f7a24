"""Values of a request: JSON, layouts, conversions, and what is wrong with them."""

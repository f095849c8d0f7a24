"""The OpenAPI 3.1 document of the server's HTTP paths."""

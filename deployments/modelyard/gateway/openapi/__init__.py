"""What the server answers over HTTP, told as an OpenAPI 3.1 document."""

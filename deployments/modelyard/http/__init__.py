"""The fast lane: hot paths answered inside uvicorn's HTTP protocol, in replicas and in the gateway."""

"""The gRPC methods that the gateway answers."""

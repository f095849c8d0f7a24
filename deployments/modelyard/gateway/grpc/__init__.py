"""The gateway's gRPC methods."""

"""The Open Inference Protocol ("V2") over REST, and what its gRPC form shares with it."""

"""The Open Inference Protocol ("V2"): what its REST and gRPC forms share, and the codecs of each."""

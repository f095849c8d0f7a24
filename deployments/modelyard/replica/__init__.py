"""Inside one replica: its endpoints, the routes and the adapter to Ray Serve."""

"""Inside one replica: the HTTP lane, the routes and the adapter to Ray Serve."""

"""HAProxy: our frontends beside Serve's own."""

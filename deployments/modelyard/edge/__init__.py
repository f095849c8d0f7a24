"""The edge: modelyard's HAProxy frontends, which extend the HAProxy that Ray Serve runs."""

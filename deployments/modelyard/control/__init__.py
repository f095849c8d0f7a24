"""From specs and repository to a running Ray Serve: config, plan, apply, watch, status."""

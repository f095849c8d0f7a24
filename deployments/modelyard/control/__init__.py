"""From specs and repository to a running Ray Serve: desired state, plan, apply, reconciler, status."""

"""What the control plane, replicas and the gateway agree on: how they call each other, and what a state is called."""

"""Shared by the control plane, replicas and the gateway: typed application arguments, handles, and model states."""

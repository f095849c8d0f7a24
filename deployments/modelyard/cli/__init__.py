"""The `modelyard` command, and the processes of `modelyard up`."""

"""The subcommands. Each imports what it needs when it runs, so that `--help` and queries to a running server start quickly."""

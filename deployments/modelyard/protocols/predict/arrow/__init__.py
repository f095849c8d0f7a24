"""Apache Arrow IPC streams (application/vnd.apache.arrow.stream) as requests and responses.

Source: https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format. They need pyarrow, an optional dependency, so
`codec` imports the rest of this package on first use.
"""

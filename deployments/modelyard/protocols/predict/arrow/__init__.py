"""Apache Arrow's IPC streams (application/vnd.apache.arrow.stream): a table in, a table out. Pure.

Source: https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format. pyarrow reads and writes them and is an extra:
`codec` imports the rest of this package at the first use.
"""

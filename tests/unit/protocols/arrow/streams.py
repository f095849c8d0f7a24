"""Arrow streams for tests, and helpers that write and read them."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from modelyard.protocols.predict.codec import PredictCodec
from modelyard.tensors import Signature, Tensors

ARROW = b"application/vnd.apache.arrow.stream"
PEOPLE: Mapping[str, Any] = {
    "age": pa.array([30, None], pa.int8()),
    "income": pa.array([1.5, 2.5], pa.float16()),
    "city": pa.array(["Bern", "Köln"]).dictionary_encode(),
    "member": pa.array([True, False]),
}
"""Two rows for MIXED."""


def stream(columns: Mapping[str, Any], *, batch_rows: int | None = None, **options: Any) -> bytes:
    """A table as pyarrow writes it."""
    return written(pa.table(dict(columns)), batch_rows, **options)


def written(table: Any, batch_rows: int | None = None, **options: Any) -> bytes:
    """A table as pyarrow writes it."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, batch_rows)
    return bytes(sink.getvalue())


def lists(values: Any, *sizes: int, of: Any = None) -> Any:
    """An array of nested fixed-size lists; the innermost size comes last."""
    type_ = of or pa.float32()
    for size in reversed(sizes):
        type_ = pa.list_(type_, size)
    return pa.array(values, type_)


def decoded(signature: Signature, body: bytes, **settings: Any) -> Tensors:
    """The tensors of an Arrow body."""
    return PredictCodec("m", 1, signature, **settings).decode(body, ARROW).request.inputs

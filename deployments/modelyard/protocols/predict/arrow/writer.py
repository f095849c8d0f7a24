"""Writes the table of a response as a stream of one record batch."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from modelyard.errors import NotAcceptable
from modelyard.protocols.predict.tabular_responses import Columns
from modelyard.text.quoting import quoted


def write_table(columns: Columns) -> bytes:
    """Write a stream. Missing values are null; NaN and infinity stay. A column with bytes that are not UTF-8 is binary.

    Raises NotAcceptable for a column whose values have several types.
    """
    batch = pa.RecordBatch.from_arrays([_array(name, values) for name, values in columns.items()], names=list(columns))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return bytes(sink.getvalue())


def _array(name: str, values: Sequence[Any]) -> Any:
    if any(type(value) is bytes for value in values):
        values = _decoded(values)
    try:
        return pa.array(values)
    except OverflowError:
        return pa.array(values, pa.uint64())
    except (pa.ArrowException, TypeError, ValueError):
        raise NotAcceptable(f"the values of {quoted(name)} have several types; request JSON") from None


def _decoded(values: Sequence[Any]) -> Sequence[Any]:
    try:
        return [value.decode() if type(value) is bytes else value for value in values]
    except UnicodeDecodeError:
        return values

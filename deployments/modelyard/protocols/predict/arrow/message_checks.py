"""A stream's messages, looked at before pyarrow makes arrays of them.

Refused is what lets a small body take much memory or time: compressed buffers (pyarrow allocates what they claim to inflate to),
bytes in another machine's order (each buffer is copied, and many may be the same), dictionaries that grow (they are joined
again for every batch), and metadata that is long (a schema's fields may all be one).
Source of the slots: https://github.com/apache/arrow/tree/main/format (Message.fbs, Schema.fbs), in the order of their fields.
"""

from collections.abc import Callable, Mapping

import pyarrow as pa
from flatbuffers import encode, packer
from flatbuffers.number_types import BoolFlags, Int16Flags
from flatbuffers.table import Table

from modelyard.errors import InvalidRequest

LARGEST_METADATA = 2**20
"""Bytes of one message's; a column takes about 100 of them in the schema."""
MOST_MESSAGES = 1000
"""Schema, dictionaries and record batches; each costs pyarrow more than its bytes."""

HEADER = 2  # of a Message
ENDIANNESS = 0  # of a Schema
DATA, IS_DELTA = 1, 2  # of a DictionaryBatch
COMPRESSION = 3  # of a RecordBatch


def check_messages(body: bytes) -> None:
    """Raises InvalidRequest, or what pyarrow and flatbuffers raise where the body is no stream."""
    for index, message in enumerate(pa.ipc.MessageReader.open_stream(pa.py_buffer(body))):
        if index == MOST_MESSAGES:
            raise InvalidRequest(
                f"a stream of more than {MOST_MESSAGES} messages is not taken; send fewer, longer batches"
            )
        if message.metadata.size > LARGEST_METADATA:
            raise InvalidRequest(f"metadata of more than {LARGEST_METADATA} bytes in one message is not taken")
        check = _CHECKS.get(message.type)
        if check is None:
            raise InvalidRequest(f"a {message.type} is not taken, only tables")
        metadata = message.metadata.to_pybytes()
        check(_table(Table(metadata, encode.Get(packer.uoffset, metadata, 0)), HEADER))


def _check_schema(schema: Table) -> None:
    place = _place(schema, ENDIANNESS)
    if place and schema.Get(Int16Flags, schema.Pos + place):
        raise InvalidRequest("a stream in big-endian order is not taken")


def _check_dictionary(dictionary: Table) -> None:
    place = _place(dictionary, IS_DELTA)
    if place and dictionary.Get(BoolFlags, dictionary.Pos + place):
        raise InvalidRequest("a stream whose dictionaries grow (deltas) is not taken; send each dictionary whole")
    _check_batch(_table(dictionary, DATA))


def _check_batch(batch: Table) -> None:
    if _place(batch, COMPRESSION):
        raise InvalidRequest("a stream with compressed buffers is not taken; send them as they are")


_CHECKS: Mapping[str, Callable[[Table], None]] = {
    "schema": _check_schema,
    "dictionary": _check_dictionary,
    "record batch": _check_batch,
}


def _place(table: Table, slot: int) -> int:
    """Where a field stands in its table; 0 where it is not there."""
    return int(table.Offset(4 + 2 * slot))


def _table(table: Table, slot: int) -> Table:
    """The table that a field is. Raises ValueError where there is none."""
    place = _place(table, slot)
    if not place:
        raise ValueError("a message without its contents")
    return Table(table.Bytes, table.Indirect(table.Pos + place))

"""Checks the messages of a stream before pyarrow reads arrays from them.

Rejects what lets a small body use much memory or time: compressed buffers (pyarrow allocates their claimed size), big-endian
values (each buffer is copied, and many may be the same), delta dictionaries (they are joined again for every batch), and long
metadata (all fields of a schema may be the same bytes).
Source of the slots: https://github.com/apache/arrow/tree/main/format (Message.fbs, Schema.fbs), in the order of their fields.
"""

from collections.abc import Callable, Mapping

import pyarrow as pa
from flatbuffers import encode, packer
from flatbuffers.number_types import BoolFlags, Int16Flags
from flatbuffers.table import Table

from modelyard.errors import InvalidRequest

MAX_METADATA_BYTES = 2**20
"""Of one message. A column needs about 100 bytes in the schema."""
MAX_MESSAGES = 1000
"""Schema, dictionaries and record batches; each costs pyarrow more than its bytes."""

HEADER = 2  # of a Message
ENDIANNESS = 0  # of a Schema
DATA, IS_DELTA = 1, 2  # of a DictionaryBatch
COMPRESSION = 3  # of a RecordBatch


def check_messages(body: bytes) -> None:
    """Raises InvalidRequest, or the errors of pyarrow and flatbuffers if the body is not a stream."""
    for index, message in enumerate(pa.ipc.MessageReader.open_stream(pa.py_buffer(body))):
        if index == MAX_MESSAGES:
            raise InvalidRequest(
                f"a stream of more than {MAX_MESSAGES} messages is not supported; send fewer, longer batches"
            )
        if message.metadata.size > MAX_METADATA_BYTES:
            raise InvalidRequest(f"metadata of more than {MAX_METADATA_BYTES} bytes in one message is not supported")
        check = _CHECKS.get(message.type)
        if check is None:
            raise InvalidRequest(f"a {message.type} is not supported, only tables are")
        metadata = message.metadata.to_pybytes()
        check(_table(Table(metadata, encode.Get(packer.uoffset, metadata, 0)), HEADER))


def _check_schema(schema: Table) -> None:
    offset = _field_offset(schema, ENDIANNESS)
    if offset and schema.Get(Int16Flags, schema.Pos + offset):
        raise InvalidRequest("a big-endian stream is not supported")


def _check_dictionary(dictionary: Table) -> None:
    offset = _field_offset(dictionary, IS_DELTA)
    if offset and dictionary.Get(BoolFlags, dictionary.Pos + offset):
        raise InvalidRequest("a stream with delta dictionaries is not supported; send each dictionary whole")
    _check_batch(_table(dictionary, DATA))


def _check_batch(batch: Table) -> None:
    if _field_offset(batch, COMPRESSION):
        raise InvalidRequest("a stream with compressed buffers is not supported; send them uncompressed")


_CHECKS: Mapping[str, Callable[[Table], None]] = {
    "schema": _check_schema,
    "dictionary": _check_dictionary,
    "record batch": _check_batch,
}


def _field_offset(table: Table, slot: int) -> int:
    """The offset of a field in its table; 0 if it is absent."""
    return int(table.Offset(4 + 2 * slot))


def _table(table: Table, slot: int) -> Table:
    """The table in a field. Raises ValueError if there is none."""
    offset = _field_offset(table, slot)
    if not offset:
        raise ValueError("a message without its contents")
    return Table(table.Bytes, table.Indirect(table.Pos + offset))

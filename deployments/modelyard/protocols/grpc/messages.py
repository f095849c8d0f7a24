"""The messages and methods of the gRPC services, from the compiled `.proto` files. `make protos` compiles `proto/`.

They have their own descriptor pool. In protobuf's default pool they would conflict with those of Triton's client, which a Python
model may import to call another server.
The encoding of single fields is described in https://protobuf.dev/programming-guides/encoding/.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from modelyard.errors import InvalidRequest

COMPILED = Path(__file__).with_name("services.binpb")
"""A FileDescriptorSet. Each file comes after those that it imports."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method of a service."""

    path: bytes
    """The HTTP path, such as /inference.GRPCInferenceService/ModelInfer."""
    request: Any
    """The class of its request messages."""
    response: Any
    """The class of its response messages."""

    def read(self, message: bytes | memoryview) -> Any:
        """Parse a request message. Raises InvalidRequest."""
        try:
            return self.request.FromString(message)
        except DecodeError:
            raise InvalidRequest(f"the message is not a valid {self.request.DESCRIPTOR.full_name}") from None


def _load() -> tuple[DescriptorPool, list[FileDescriptor]]:
    pool = DescriptorPool()
    files = FileDescriptorSet.FromString(COMPILED.read_bytes()).file
    for file in files:
        pool.AddSerializedFile(file.SerializeToString())
    return pool, [pool.FindFileByName(file.name) for file in files]


POOL, FILES = _load()


def message_class(name: str) -> Any:
    """The class of a message, by its full name."""
    return GetMessageClass(POOL.FindMessageTypeByName(name))


def methods(service: str) -> Mapping[str, Method]:
    """The methods of a service by name, in the order of the file. `service` is its full name."""
    return {
        method.name: Method(
            path=f"/{service}/{method.name}".encode(),
            request=GetMessageClass(method.input_type),
            response=GetMessageClass(method.output_type),
        )
        for method in POOL.FindServiceByName(service).methods
    }


INFERENCE = "inference.GRPCInferenceService"
HEALTH = "grpc.health.v1.Health"
REFLECTION = "grpc.reflection.v1.ServerReflection"
SERVICES = (INFERENCE, HEALTH, REFLECTION)

ModelConfig = message_class("inference.ModelConfig")
ModelInferRequest = message_class("inference.ModelInferRequest")
ModelInferResponse = message_class("inference.ModelInferResponse")
ModelMetadataResponse = message_class("inference.ModelMetadataResponse")
ModelStreamInferResponse = message_class("inference.ModelStreamInferResponse")

RAW_INPUT = b"\x3a"
"""The tag of field 7 of ModelInferRequest, `raw_input_contents`: the field number times 8, plus 2 for length-prefixed bytes."""
ID = b"\x1a"
"""The tag of field 3 of ModelInferResponse, `id`."""
RAW_OUTPUT = b"\x32"
"""The tag of field 6 of ModelInferResponse, `raw_output_contents`."""


def field_head(tag: bytes, size: int) -> bytes:
    """The bytes before the contents of a field: its tag, and `size` as a varint."""
    if size < 0x80:  # the usual case
        return tag + size.to_bytes()
    length = bytearray()
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return tag + length

"""Server reflection: lists the services and returns the descriptors of their messages.

Source: https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
"""

from dataclasses import replace
from typing import Any

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from modelyard.protocols.grpc.messages import POOL, REFLECTION, SERVICES, methods
from modelyard.protocols.grpc.status import Status

METHOD = methods(REFLECTION)["ServerReflectionInfo"]
V1ALPHA_METHOD = replace(METHOD, path=METHOD.path.replace(b".v1.", b".v1alpha."))
"""The same method under the name that older tools use. The messages are identical on the wire."""


def reflection_response(request: Any) -> Any:
    """The ServerReflectionResponse. An unknown name is an error in the response, and the stream stays open."""
    head = {"valid_host": request.host, "original_request": request}
    kind = request.WhichOneof("message_request")
    try:
        if kind == "list_services":
            return METHOD.response(
                **head, list_services_response={"service": [{"name": service} for service in SERVICES]}
            )
        if kind == "file_by_filename":
            file = POOL.FindFileByName(request.file_by_filename)
        elif kind == "file_containing_symbol":
            file = POOL.FindFileContainingSymbol(request.file_containing_symbol)
        else:
            return METHOD.response(**head, error_response=_error(Status.UNIMPLEMENTED, "proto3 has no extensions"))
    except KeyError:
        name = request.file_by_filename or request.file_containing_symbol
        return METHOD.response(**head, error_response=_error(Status.NOT_FOUND, f"{name!r} not found"))
    return METHOD.response(**head, file_descriptor_response={"file_descriptor_proto": _with_imports(file)})


def _error(status: Status, message: str) -> dict[str, Any]:
    return {"error_code": int(status), "error_message": message}


def _with_imports(file: FileDescriptor) -> list[bytes]:
    """The file, followed by all files that it imports."""
    found = [file]
    for each in found:  # the list grows meanwhile
        found += [other for other in each.dependencies if other not in found]
    return [_serialised(each) for each in found]


def _serialised(file: FileDescriptor) -> bytes:
    proto = FileDescriptorProto()
    file.CopyToProto(proto)
    return proto.SerializeToString()

"""Server reflection: which services there are, and what their messages look like. Pure.

Source: https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
"""

from dataclasses import replace
from typing import Any

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from modelyard.protocols.grpc.messages import POOL, REFLECTION, SERVICES, methods
from modelyard.protocols.grpc.status import Status

METHOD = methods(REFLECTION)["ServerReflectionInfo"]
OLD_METHOD = replace(METHOD, path=METHOD.path.replace(b".v1.", b".v1alpha."))
"""The same under the name that older tools know; the messages are the same on the wire."""


def reflected(request: Any) -> Any:
    """The ServerReflectionResponse; what there is not is an error in it, and the stream goes on."""
    answer = {"valid_host": request.host, "original_request": request}
    asked = request.WhichOneof("message_request")
    try:
        if asked == "list_services":
            return METHOD.response(
                **answer, list_services_response={"service": [{"name": service} for service in SERVICES]}
            )
        if asked == "file_by_filename":
            file = POOL.FindFileByName(request.file_by_filename)
        elif asked == "file_containing_symbol":
            file = POOL.FindFileContainingSymbol(request.file_containing_symbol)
        else:
            return METHOD.response(**answer, error_response=_error(Status.UNIMPLEMENTED, "proto3 has no extensions"))
    except KeyError:
        name = request.file_by_filename or request.file_containing_symbol
        return METHOD.response(**answer, error_response=_error(Status.NOT_FOUND, f"there is no {name!r}"))
    return METHOD.response(**answer, file_descriptor_response={"file_descriptor_proto": _with_imports(file)})


def _error(status: Status, message: str) -> dict[str, Any]:
    return {"error_code": int(status), "error_message": message}


def _with_imports(file: FileDescriptor) -> list[bytes]:
    """The file and, behind it, all that it imports."""
    found = [file]
    for each in found:  # which grows meanwhile
        found += [other for other in each.dependencies if other not in found]
    return [_serialised(each) for each in found]


def _serialised(file: FileDescriptor) -> bytes:
    proto = FileDescriptorProto()
    file.CopyToProto(proto)
    return proto.SerializeToString()

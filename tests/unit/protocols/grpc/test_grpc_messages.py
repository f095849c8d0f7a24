"""Our messages have the same wire format as those of Triton and gRPC."""

import subprocess
import sys

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from tritonclient.grpc import model_config_pb2, service_pb2

from modelyard.errors import InvalidRequest
from modelyard.protocols.grpc.messages import COMPILED, HEALTH, INFERENCE, POOL, REFLECTION, SERVICES, methods

PROTOS = COMPILED.parent / "proto"


def described(field: FieldDescriptor) -> tuple[object, ...]:
    """The properties of a field that affect the wire format or client code."""
    return (
        field.name,
        field.number,
        field.type,
        field.is_repeated,
        field.has_presence,
        field.message_type and field.message_type.name,
        field.enum_type and tuple((value.name, value.number) for value in field.enum_type.values),
        field.containing_oneof and field.containing_oneof.name,
    )


def all_messages(file: FileDescriptor) -> list[Descriptor]:
    found = [*file.message_types_by_name.values()]
    for message in found:  # the list grows meanwhile
        found += message.nested_types
    return found


@pytest.mark.parametrize("theirs", all_messages(service_pb2.DESCRIPTOR), ids=lambda message: message.full_name)
def test_a_message_of_the_inference_protocol_is_tritons_field_by_field(theirs: Descriptor):
    ours = POOL.FindMessageTypeByName(theirs.full_name)
    assert [*map(described, ours.fields)] == [*map(described, theirs.fields)]


@pytest.mark.parametrize("theirs", all_messages(model_config_pb2.DESCRIPTOR), ids=lambda message: message.full_name)
def test_the_model_configuration_is_a_subset_of_tritons(theirs: Descriptor):
    try:
        ours = POOL.FindMessageTypeByName(theirs.full_name)
    except KeyError:
        return  # a message that our files do not define
    assert {*map(described, ours.fields)} <= {*map(described, theirs.fields)}


def test_every_message_exists_in_triton():
    ours = [
        *all_messages(POOL.FindFileByName("inference.proto")),
        *all_messages(POOL.FindFileByName("model_config.proto")),
    ]
    theirs = [*all_messages(service_pb2.DESCRIPTOR), *all_messages(model_config_pb2.DESCRIPTOR)]
    assert {message.full_name for message in ours} <= {message.full_name for message in theirs}


@pytest.mark.parametrize(
    ("service", "file"),
    [
        (INFERENCE, service_pb2.DESCRIPTOR),
        (HEALTH, health_pb2.DESCRIPTOR),
    ],
)
def test_a_services_methods_are_the_protocols_own(service: str, file: FileDescriptor):
    theirs = file.services_by_name[service.rpartition(".")[2]]
    ours = POOL.FindServiceByName(service)
    assert {_method(method) for method in ours.methods} == {_method(method) for method in theirs.methods}


def test_the_health_and_reflection_messages_are_grpcs_field_by_field():
    for file, package in ((health_pb2.DESCRIPTOR, "grpc.health.v1"), (reflection_pb2.DESCRIPTOR, "grpc.reflection.v1")):
        for theirs in all_messages(file):
            ours = POOL.FindMessageTypeByName(f"{package}.{theirs.name}")
            assert [*map(described, ours.fields)] == [*map(described, theirs.fields)]


def test_every_method_has_its_path_and_messages():
    infer = methods(INFERENCE)["ModelInfer"]
    assert infer.path == b"/inference.GRPCInferenceService/ModelInfer"
    assert infer.read(infer.request(model_name="m").SerializeToString()).model_name == "m"
    assert sum(len(methods(service)) for service in SERVICES) == 20 + 2 + 1
    assert methods(REFLECTION)["ServerReflectionInfo"].path.startswith(b"/grpc.reflection.v1.ServerReflection/")


@pytest.mark.parametrize("garbage", [b"\xff", b"\x0a\x05ab", b"\x0a\x02\xff\xff"], ids=["tag", "cut", "no UTF-8"])
def test_an_invalid_message_is_rejected(garbage):
    with pytest.raises(InvalidRequest, match=r"not a valid inference\.ModelInferRequest"):
        methods(INFERENCE)["ModelInfer"].read(garbage)


def test_the_compiled_file_matches_the_proto_files(tmp_path):
    compiled = tmp_path / "services.binpb"
    texts = sorted(path.name for path in PROTOS.glob("*.proto"))
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        "-I",
        ".",
        "--include_imports",
        f"--descriptor_set_out={compiled}",
    ]
    subprocess.run([*command, *texts], cwd=PROTOS, check=True)
    fresh, kept = (FileDescriptorSet.FromString(path.read_bytes()) for path in (compiled, COMPILED))
    assert kept == fresh, "run `make protos`"


def _method(method) -> tuple[object, ...]:
    return (
        method.name,
        method.input_type.full_name,
        method.output_type.full_name,
        method.client_streaming,
        method.server_streaming,
    )

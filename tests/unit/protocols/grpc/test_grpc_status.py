"""Errors as gRPC statuses."""

from urllib.parse import unquote

import grpc
import pytest

from modelyard.errors import BadValue, InvalidRequest, ModelNotReady, ModelyardError, Overloaded
from modelyard.http.problem import STATUSES as HTTP_STATUSES
from modelyard.protocols.grpc.frames import UnknownEncoding
from modelyard.protocols.grpc.status import STATUSES, Status, escaped, status_of, trailers, trailers_only


def test_every_error_has_a_status():
    assert set(STATUSES) == {*HTTP_STATUSES, UnknownEncoding}


def test_the_codes_are_those_of_grpc():
    assert {status.name: status.value for status in Status} == {
        code.name: code.value[0] for code in grpc.StatusCode if code.name in Status.__members__
    }


def test_an_error_has_the_status_of_its_base_class():
    class Stranger(Overloaded):
        """A subclass."""

    assert status_of(Stranger("full")) == (Status.RESOURCE_EXHAUSTED, "full")


def test_the_details_of_an_internal_error_are_not_sent():
    status, message = status_of(ValueError("the password is 1234"))
    assert status == Status.INTERNAL
    assert "1234" not in message


def test_an_error_ends_a_call_with_a_status_and_a_message():
    error = InvalidRequest.at([BadValue("/x", "what: ünfit"), BadValue("/y", "z")])
    assert trailers(error, "id") == (
        (b"grpc-status", b"3"),
        (b"grpc-message", b"what: %C3%BCnfit at /x (and 1 more)"),
    )


def test_an_internal_error_has_the_request_id_that_is_in_the_log():
    assert dict(trailers(ValueError("x"), "req-7"))[b"grpc-message"].endswith(b"(req-7)")


@pytest.mark.parametrize("kind", [Overloaded, ModelNotReady])
def test_the_error_of_an_overloaded_server_has_the_time_to_retry(kind: type[Overloaded | ModelNotReady]):
    error = kind("later")
    error.retry_after_s = 7
    assert dict(trailers(error, "id"))[b"grpc-retry-pushback-ms"] == b"7000"


def test_the_error_for_an_unknown_encoding_lists_the_supported_ones():
    assert dict(trailers(UnknownEncoding("snappy"), "id"))[b"grpc-accept-encoding"] == b"identity,gzip,deflate"
    assert status_of(UnknownEncoding("snappy"))[0] == Status.UNIMPLEMENTED


@pytest.mark.parametrize("text", ["", "plain text", "100 %", "two\r\nlines", "ü€\N{PILE OF POO}", "\0\x7f"])
def test_a_message_passes_as_a_header(text):
    written = escaped(text)
    assert all(0x20 <= byte <= 0x7E for byte in written)
    assert unquote(written.decode()) == text


def test_a_long_message_is_cut():
    assert escaped("x" * 1024) == b"x" * 1024
    assert escaped("x" * 1025) == b"x" * 1024 + b"..."


def test_a_response_without_a_message_has_its_trailers_as_headers():
    response = trailers_only(InvalidRequest("bad"), "id")
    assert (response.status, response.body) == (200, b"")
    assert response.headers == (
        (b"content-type", b"application/grpc"),
        (b"grpc-status", b"3"),
        (b"grpc-message", b"bad"),
    )


def test_every_error_of_the_tree_finds_a_status():
    for kind in ModelyardError.__subclasses__():
        if kind.__module__ == "modelyard.errors":
            assert kind in STATUSES

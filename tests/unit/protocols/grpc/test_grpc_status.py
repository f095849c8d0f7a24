"""Errors as gRPC tells them."""

from urllib.parse import unquote

import grpc
import pytest

from modelyard.errors import BadValue, InvalidRequest, ModelNotReady, ModelyardError, Overloaded
from modelyard.http.problem import STATUSES as HTTP_STATUSES
from modelyard.protocols.grpc.frames import UnknownEncoding
from modelyard.protocols.grpc.status import LONGEST_MESSAGE, STATUSES, Status, escaped, status_of, trailers


def test_every_error_has_a_status():
    assert set(STATUSES) == {*HTTP_STATUSES, UnknownEncoding}


def test_the_codes_are_grpcs_own():
    assert {status.name: status.value for status in Status} == {
        code.name: code.value[0] for code in grpc.StatusCode if code.name in Status.__members__
    }


def test_a_kind_of_error_has_the_status_of_the_kind_above():
    class Stranger(Overloaded):
        """One more."""

    assert status_of(Stranger("full")) == (Status.RESOURCE_EXHAUSTED, "full")


def test_what_is_not_meant_for_clients_is_not_told():
    status, message = status_of(ValueError("the password is 1234"))
    assert status == Status.INTERNAL
    assert "1234" not in message


def test_an_error_ends_a_call_with_status_and_message():
    error = InvalidRequest.at([BadValue("/x", "what: ünfit"), BadValue("/y", "z")])
    assert trailers(error, "id") == (
        (b"grpc-status", b"3"),
        (b"grpc-message", b"what: %C3%BCnfit at /x (and 1 more)"),
    )


def test_a_failure_of_the_servers_own_says_under_which_id_its_log_tells_more():
    assert dict(trailers(ValueError("x"), "req-7"))[b"grpc-message"].endswith(b"(req-7)")


@pytest.mark.parametrize("kind", [Overloaded, ModelNotReady])
def test_clients_are_told_when_to_try_again(kind: type[Overloaded | ModelNotReady]):
    error = kind("later")
    error.retry_after_s = 7
    assert dict(trailers(error, "id"))[b"grpc-retry-pushback-ms"] == b"7000"


def test_who_compresses_in_an_unknown_way_is_told_the_known_ones():
    assert dict(trailers(UnknownEncoding("snappy"), "id"))[b"grpc-accept-encoding"] == b"identity,gzip,deflate"
    assert status_of(UnknownEncoding("snappy"))[0] == Status.UNIMPLEMENTED


@pytest.mark.parametrize("text", ["", "plain text", "100 %", "two\r\nlines", "ü€\N{PILE OF POO}", "\0\x7f"])
def test_a_message_passes_as_a_header(text):
    written = escaped(text)
    assert all(0x20 <= byte <= 0x7E for byte in written)
    assert unquote(written.decode()) == text


def test_a_long_message_is_cut():
    assert escaped("x" * 5000) == b"x" * LONGEST_MESSAGE + b"..."


def test_every_error_of_the_tree_finds_a_status():
    for kind in ModelyardError.__subclasses__():
        if kind.__module__ == "modelyard.errors":
            assert kind in STATUSES

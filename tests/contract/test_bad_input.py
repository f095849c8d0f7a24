"""Invalid requests of every protocol: each gets an error, its connection stays open, and other requests are not affected."""

from urllib.parse import unquote

import pytest

from tests.contract.bad_requests import BAD, GOOD, SIGNATURE
from tests.contract.client import request
from tests.contract.conftest import Make
from tests.contract.protocol_clients import PROTOCOL_CLIENTS
from tests.contract.replica import DEAR, PREDICT
from tests.fakes import FakeModel

WAYS = {
    protocol: ("fast path",) if protocol.startswith("grpc") else ("fast path", "asgi") for protocol in PROTOCOL_CLIENTS
}
"""gRPC only takes the fast path."""
EACH = [
    pytest.param(way, protocol, case, id=f"{protocol}-{case}-{way}")
    for protocol, cases in BAD.items()
    for case in cases
    for way in WAYS[protocol]
]
NAMED = ("shape", "datatype", "name", "missing", "extra", "zero rows")
"""The mistakes that are possible in every protocol with names."""


@pytest.mark.parametrize(("way", "protocol", "case"), EACH)
def test_the_error_has_the_protocols_form_and_other_requests_are_not_affected(
    replica: Make, way: str, protocol: str, case: str
) -> None:
    sent, says = BAD[protocol][case]
    rig = replica(FakeModel(signature=SIGNATURE), DEAR)
    rig.model.hold()
    with rig.connect() as other, PROTOCOL_CLIENTS[protocol](rig) as client:
        other.send(request(PREDICT, b'{"inputs": {"x": [[1.5]]}}'))
        rig.model.entered()
        result = client.fetch(sent)
        assert result is not None, "it has a response"
        status, message = result
        assert status == (3 if protocol.startswith("grpc") else 400), message
        assert says in unquote(message)
        rig.model.release()
        response = other.read().json
        assert response.get("predictions", response.get("outputs")) in ([[3.0]], {"y": [[3.0]]})
        assert client.fetch(GOOD[protocol]) is None, "the connection is good for another request"
    assert len(rig.model.calls) == 2


def test_every_protocol_has_invalid_requests() -> None:
    assert PROTOCOL_CLIENTS.keys() == BAD.keys() == GOOD.keys()
    for protocol in BAD.keys() - {"npy", "oip raw body"}:
        assert set(NAMED) <= BAD[protocol].keys(), protocol

"""Whatever is wrong with a request of any protocol: it is told so, its connection lives on, and nobody else notices."""

from urllib.parse import unquote

import pytest

from tests.contract.bad_requests import BAD, GOOD, SIGNATURE
from tests.contract.client import request
from tests.contract.conftest import Make
from tests.contract.replica import DEAR, PREDICT
from tests.contract.speakers import SPEAKERS
from tests.fakes import FakeModel

WAYS = {protocol: ("fast path",) if protocol.startswith("grpc") else ("fast path", "asgi") for protocol in SPEAKERS}
"""gRPC only takes the fast path."""
EACH = [
    pytest.param(way, protocol, case, id=f"{protocol}-{case}-{way}")
    for protocol, cases in BAD.items()
    for case in cases
    for way in WAYS[protocol]
]
NAMED = ("shape", "datatype", "name", "missing", "extra", "zero rows")
"""What every protocol that has names can get wrong."""


@pytest.mark.parametrize(("way", "protocol", "case"), EACH)
def test_it_is_told_in_the_protocols_form_and_nobody_else_is_harmed(
    replica: Make, way: str, protocol: str, case: str
) -> None:
    asked, says = BAD[protocol][case]
    rig = replica(FakeModel(signature=SIGNATURE), DEAR)
    rig.model.hold()
    with rig.connect() as other, SPEAKERS[protocol](rig) as client:
        other.send(request(PREDICT, b'{"inputs": {"x": [[1.5]]}}'))
        rig.model.entered()
        told = client.ask(asked)
        assert told is not None, "it was answered"
        status, said = told
        assert status == (3 if protocol.startswith("grpc") else 400), said
        assert says in unquote(said)
        rig.model.release()
        answer = other.read().json
        assert answer.get("predictions", answer.get("outputs")) in ([[3.0]], {"y": [[3.0]]})
        assert client.ask(GOOD[protocol]) is None, "the connection is good for another request"
    assert len(rig.model.calls) == 2


def test_every_protocol_is_asked_for_what_it_can_get_wrong() -> None:
    assert SPEAKERS.keys() == BAD.keys() == GOOD.keys()
    for protocol in BAD.keys() - {"npy", "oip raw body"}:
        assert set(NAMED) <= BAD[protocol].keys(), protocol

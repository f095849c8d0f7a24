"""docs/protocols.md names every gRPC method with its state."""

import re
from pathlib import Path

from modelyard.protocols.grpc.messages import INFERENCE, methods

PAGE = (Path(__file__).parents[4] / "docs" / "protocols.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \| (works|unsupported)(?: for .*|: .*)? \|$", re.MULTILINE)


def test_every_method_is_listed_with_its_state():
    assert {name for name, _ in ROW.findall(PAGE)} == methods(INFERENCE).keys()

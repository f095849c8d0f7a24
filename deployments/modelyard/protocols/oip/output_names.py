"""The names by which requests may ask for outputs: the model's own, and those of other servers' models. Pure.

Sources: https://github.com/SeldonIO/MLServer/blob/master/docs/runtimes/sklearn.md (predict, predict_proba) and
https://kserve.github.io/website/docs/model-serving/predictive-inference/frameworks (output-0, predictions)
"""

from modelyard.errors import InvalidRequest
from modelyard.protocols.values.bad_values import unknown_name
from modelyard.tensors import Signature

PREDICTION = ("predict", "output-0", "predictions", "output")
PROBABILITIES = "predict_proba"


class OutputNames:
    """Those of one model."""

    def __init__(self, signature: Signature) -> None:
        self.own = tuple(spec.name for spec in signature.outputs)
        self._others: dict[str, str] = {}
        if signature.label or len(self.own) == 1:
            self._others |= dict.fromkeys(PREDICTION, signature.label or self.own[0])
        if signature.scores:
            self._others[PROBABILITIES] = signature.scores

    def find(self, name: str) -> str:
        """The output's own name. Raises InvalidRequest where there is none that is meant."""
        if name in self.own:
            return name
        found = self._others.get(name, "")
        if not found:
            raise InvalidRequest(unknown_name("output", name, self.own))
        return found

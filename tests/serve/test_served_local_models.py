"""What `modelyard.load_model` answers is what the server answers, to the byte."""

import pytest

from modelyard import InvalidRequest, load_model
from tests.serve.conftest import EXAMPLES
from tests.serve.project import REPOSITORY, Server

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_model_loaded_in_a_test_answers_as_the_server_does(server: Server, name: str) -> None:
    url = f"{server.url}/models/{name}/predict"
    body = (REPOSITORY / name / "1" / "example.json").read_bytes()
    with load_model(server.project.models / f"{name}.yaml") as model:
        assert model.predict(body) == server.http.post(url, data=body, headers=JSON, timeout=60).content
        table = model.predict(body, accept="text/csv")
        assert table == server.http.post(url, data=body, headers={**JSON, "accept": "text/csv"}, timeout=60).content
        wrong = b'{"instances": [[[]]]}'
        problem = server.http.post(url, data=wrong, headers=JSON, timeout=60).json()
        with pytest.raises(InvalidRequest) as error:
            model.predict(wrong)
        assert problem["detail"] == error.value.message
        assert problem["errors"] == [{"pointer": bad.pointer, "detail": bad.message} for bad in error.value.bad_values]

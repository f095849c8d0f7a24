"""Clients generated from the OpenAPI document by stock generators, against the real server."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serve.project import Server

GENERATORS = Path(sys.executable).parents[1] / "generators" / "bin"
"""Where `make test` installs them: a separate environment, because they need other versions than the server."""
PATIENCE_S = 300


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of that environment. It must succeed."""
    done = subprocess.run(
        [GENERATORS / str(command[0]), *command[1:]],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def document(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The document, in a folder for the generated code."""
    path = tmp_path_factory.mktemp("generated") / "openapi.json"
    path.write_text(server.get("/openapi.json").text)
    return path


ASK_WITH_OPENAPI_PYTHON_CLIENT = """
import sys

from generated import Client
from generated.api.iris import predict_iris
from generated.api.open_inference_protocol import oip_infer, oip_metadata
from generated.api.server import models
from generated.api.ticket_topic import predict_ticket_topic
from generated.api.wine_alcohol import predict_wine_alcohol
from generated.models import (
    InferRequest, IrisPrediction, IrisPredictRequest, IrisRow, TicketTopicPredictRequest,
    WineAlcoholPredictRequest, WineAlcoholRow,
)

client = Client(sys.argv[1])
row = IrisRow(sepal_length_cm=5.1, sepal_width_cm=3.5, petal_length_cm=1.4, petal_width_cm=0.2)
for body in (
    IrisPredictRequest(instances=[row]),
    IrisPredictRequest(instances=[[5.1, 3.5, 1.4, 0.2]]),
    IrisPredictRequest(dataframe_records=[row], probabilities=True),
):
    answer = predict_iris.sync(client=client, body=body)
    assert isinstance(answer, IrisPrediction), answer
    print(answer.model_name, *map(str, answer.predictions))
print(*map(str, answer.classes), round(sum(answer.probabilities[0]), 6))

answer = predict_ticket_topic.sync(client=client, body=TicketTopicPredictRequest(instances=["Please cancel my subscription"]))
print(*map(str, answer.predictions))
wine = WineAlcoholRow(color_intensity=2.65, magnesium=94, proline=680, total_phenols=2.74, cultivar="grignolino")
print(len(predict_wine_alcohol.sync(client=client, body=WineAlcoholPredictRequest(instances=[wine])).predictions))

infer = {"inputs": [{"name": "x", "datatype": "FP64", "shape": [1], "data": [1.5]}]}
print(oip_infer.sync("echo", client=client, body=InferRequest.from_dict(infer)).outputs[0].data)
print(oip_metadata.sync("echo", client=client).name, "iris" in {model.name for model in models.sync(client=client).models})
print(predict_iris.sync(client=client, body=IrisPredictRequest(instances=[])).detail)
"""


def test_openapi_python_client_generates_a_working_client(server: Server, document: Path) -> None:
    made = run(
        *("openapi-python-client", "generate", "--path", document, "--output-path", "generated", "--meta", "none"),
        cwd=document.parent,
    )
    warned = made.stdout + made.stderr
    assert "Cannot parse" not in warned
    # Warnings for the formats other than JSON, which it does not support.
    assert set(re.findall("^(Unsupported.*|Could not.*)$", warned, re.MULTILINE)) == {
        f"Unsupported content type {media}"
        for media in ("text/csv", "application/x-npy", "application/vnd.apache.arrow.stream")
    }
    result = run("python", "-c", ASK_WITH_OPENAPI_PYTHON_CLIENT, server.url, cwd=document.parent).stdout.splitlines()
    assert result == [
        *["iris setosa"] * 3,
        "setosa versicolor virginica 1.0",
        "billing",
        "1",
        "[3.0]",
        "echo True",
        "expected at least one row, got none at /instances",
    ]


LOAD_ALL = """
import importlib
import pkgutil

import generated

for module in pkgutil.walk_packages(generated.__path__, "generated."):
    importlib.import_module(module.name)
"""


def test_every_module_of_the_generated_client_loads(document: Path) -> None:
    run(
        *("openapi-python-client", "generate", "--path", document, "--output-path", "generated", "--meta", "none"),
        "--overwrite",
        cwd=document.parent,
    )
    run("python", "-c", LOAD_ALL, cwd=document.parent)


VALIDATE_WITH_DATAMODEL_CODE_GENERATOR = """
import sys

from generated_models import IrisPrediction, IrisPredictRequest, IrisRow

row = IrisRow(sepal_length_cm=5.1, sepal_width_cm=3.5, petal_length_cm=1.4, petal_width_cm=0.2)
body = IrisPredictRequest(instances=[row]).model_dump_json(exclude_none=True)
if len(sys.argv) == 1:
    print(body)
else:
    print(IrisPrediction.model_validate_json(sys.argv[1]).model_version)
"""


def test_datamodel_code_generator_generates_classes_of_a_request_and_its_response(
    server: Server, document: Path
) -> None:
    run(
        *("datamodel-codegen", "--input", document, "--input-file-type", "openapi", "--output", "generated_models.py"),
        *("--output-model-type", "pydantic_v2.BaseModel"),
        cwd=document.parent,
    )
    body = json.loads(run("python", "-c", VALIDATE_WITH_DATAMODEL_CODE_GENERATOR, cwd=document.parent).stdout)
    response = server.predict("iris", body)
    assert response.json()["predictions"] == ["setosa"]
    result = run("python", "-c", VALIDATE_WITH_DATAMODEL_CODE_GENERATOR, response.text, cwd=document.parent)
    assert result.stdout == "1\n"

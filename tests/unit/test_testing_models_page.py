"""The tests that docs/testing-models.md shows, run unchanged, on the project that `modelyard init` writes."""

import re
import subprocess
import sys
from pathlib import Path

from modelyard import local_model
from modelyard.cli.init import write_starter

PAGE = (Path(__file__).parents[2] / "docs" / "testing-models.md").read_text()
[PROGRAM] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    write_starter(tmp_path)
    file = tmp_path / PROGRAM.splitlines()[0].removeprefix("# ")
    file.parent.mkdir()
    file.write_text(PROGRAM)
    pytest = (sys.executable, "-m", "pytest", "-q", "-p", "no:schemathesis", "-p", "no:cacheprovider", file)
    done = subprocess.run(pytest, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "3 passed" in done.stdout, done.stdout + done.stderr


def test_the_page_names_every_member_of_a_loaded_model() -> None:
    members = [name for name in dir(local_model.LocalModel) if not name.startswith("_") and name != "close"]
    assert members
    assert [name for name in members if f"`{name}" not in PAGE] == []


def test_every_call_of_the_page_loads_a_model(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_starter(tmp_path)
    model = tmp_path / "model_repository" / "shipping-cost" / "1" / "model.py"
    code = model.read_text().replace(
        "self.prices = options", 'self.prices = {"base": 4.0, "per_kg": 0.8, "per_km": 0.02}'
    )
    for folder in ("model_repository/churn/1", "model_repository/churn/2", "build/churn/1"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "model.py").write_text(code)
    runtime = "runtime: python:model:ShippingCost\ntrusted: true\n"
    (tmp_path / "serve_config" / "models" / "churn.yaml").write_text(f"name: churn\n{runtime}")
    calls = re.findall(r"^\| `(load_model\(.*?\))` \|", PAGE, re.M)
    assert len(calls) == 4
    for call in calls:
        python = call.replace('{"trusted"', '{"runtime": "python:model:ShippingCost", "trusted"')
        with eval(python, {"load_model": local_model.load_model}) as loaded:
            assert loaded.name == "churn"
            assert loaded.predict({"instances": [[2.5, 120]]})["predictions"] == [8.4]

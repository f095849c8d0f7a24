"""An operator's own class: imported from its version's files, checked against its signature, with its errors located."""

import gc
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard.config.model_spec import ModelSpec
from modelyard.runtimes.base import LoadError
from modelyard.runtimes.python import model as python
from modelyard.runtimes.python.model import PythonModel
from modelyard.tensors import FREE, TensorSpec

DOUBLES = """
    class Model:
        signature = {
            "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1]}],
            "outputs": [{"name": "y", "datatype": "FP64", "shape": [-1]}],
        }

        def predict(self, inputs):
            return {"y": 2 * inputs["x"]}
"""
SIGNATURE = """
        signature = {
            "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1]}],
            "outputs": [{"name": "y", "datatype": "BYTES", "shape": []}],
        }
"""
X = {"x": np.array([1.0, 2.0])}


def load(files: dict[str, str | bytes] | str, entry: str = "model:Model", cpus: float = 1, **keys: Any) -> PythonModel:
    sources = {"model.py": files} if isinstance(files, str) else files
    contents = {
        name: content if isinstance(content, bytes) else textwrap.dedent(content).encode()
        for name, content in sources.items()
    }
    spec = ModelSpec(name="m", runtime=f"python:{entry}", **{"trusted": True, **keys})
    return python.load(contents, spec, cpus=cpus)


def response(model: PythonModel) -> Any:
    return model.predict(X, ["y"])["y"].tolist()


def saying(text: str) -> str:
    """A model that returns the value of an expression."""
    return f"""
    class Model:
{SIGNATURE}
        def predict(self, inputs):
            return {{"y": {text}}}
    """


def test_a_class_is_loaded_and_predicts() -> None:
    model = load(DOUBLES)
    assert model.signature.inputs == (TensorSpec("x", "FP64", (FREE,)),)
    assert model.example["x"].tolist() == [0, 1]
    assert response(model) == [2, 4]


def test_only_a_trusted_model_is_run() -> None:
    with pytest.raises(LoadError, match="code that the server would run: save the model as skops or ONNX instead"):
        load("raise SystemExit", trusted=False)


def test_load_gets_the_files_the_options_and_the_cpus() -> None:
    source = f"""
    class Model:
{SIGNATURE}
        def load(self, directory, options, cpus):
            self.text = f"{{(directory / 'data' / 'word.txt').read_text()}} {{options['times']}} {{cpus}}"

        def predict(self, inputs):
            return {{"y": self.text}}
    """
    assert (
        response(load({"model.py": source, "data/word.txt": b"hello"}, options={"times": 3}, cpus=1.5)) == "hello 3 1.5"
    )


def test_the_classes_own_example_is_used() -> None:
    model = load(DOUBLES + '        example = {"x": [7, 8]}\n')
    assert model.example["x"].dtype == np.float64
    assert model.example["x"].tolist() == [7, 8]


def test_two_versions_with_modules_of_one_name_stay_apart() -> None:
    def files(word: str) -> dict[str, str | bytes]:
        # Imported at the top, in a package, relatively, and late.
        source = f"""
        import shared.deep
        from features import WORD
        from shared import words as kept

        class Model:
{textwrap.indent(SIGNATURE, "    ")}
            def predict(self, inputs):
                import late
                from shared.deep import word
                return {{"y": " ".join((WORD, kept.WORD, shared.deep.word(), word(), late.WORD))}}
        """
        return {
            "model.py": source,
            "features.py": f"WORD = {word!r}",
            "late.py": f"import features; WORD = features.WORD + {word!r}",
            "shared/__init__.py": "",
            "shared/words.py": f"WORD = {word!r}",
            "shared/deep.py": "from .words import WORD\nfrom . import words\ndef word(): return words.WORD",
        }

    before = set(sys.modules)
    one, two = load(files("1")), load(files("2"))
    assert (response(one), response(two)) == ("1 1 1 1 11", "2 2 2 2 22")
    assert response(one) == "1 1 1 1 11"
    left = {name for name in set(sys.modules) - before if not name.startswith("_modelyard_model_")}
    assert not left & {"model", "features", "late", "shared", "shared.words", "shared.deep"}


def test_a_versions_modules_are_invisible_to_the_rest_of_the_process() -> None:
    source = saying("__import__('json').dumps([colorsys.MINE])").replace(
        "class Model", "import colorsys\n    class Model"
    )
    model = load({"model.py": source, "colorsys.py": "MINE = 1"})
    assert response(model) == "[1]"
    import colorsys

    assert not hasattr(colorsys, "MINE")


@pytest.mark.parametrize("unpickler", ["pickle.loads", "pickle._loads"], ids=["in C", "in Python"])
def test_a_pickle_finds_the_classes_of_its_version(
    unpickler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cleaning.py").write_text("class Clean:\n    word = 'trained'")
    monkeypatch.syspath_prepend(str(tmp_path))
    import cleaning  # type: ignore[import-not-found]

    pickled = pickle.dumps(cleaning.Clean())
    source = f"""
    import pickle

    class Model:
{SIGNATURE}
        def load(self, directory, options, cpus):
            self.clean = {unpickler}((directory / "clean.pkl").read_bytes())

        def predict(self, inputs):
            from cleaning import Clean
            return {{"y": f"{{self.clean.word}} {{isinstance(self.clean, Clean)}}"}}
    """
    model = load({"model.py": source, "clean.pkl": pickled, "cleaning.py": "class Clean:\n    word = 'served'"})
    assert response(model) == "served True"
    assert sys.modules.pop("cleaning") is cleaning


def test_annotations_of_a_versions_classes_can_be_resolved() -> None:
    source = """
    from __future__ import annotations
    from dataclasses import dataclass
    from typing import get_type_hints

    @dataclass
    class Word:
        text: str
        next: Word | None = None

    class Model:
        signature = {
            "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1]}],
            "outputs": [{"name": "y", "datatype": "BYTES", "shape": []}],
        }

        def predict(self, inputs):
            return {"y": str(get_type_hints(Word)["next"] == Word | None)}
    """
    assert response(load(source)) == "True"


def test_a_class_in_a_package_is_found() -> None:
    assert response(load({"own/deep.py": DOUBLES}, entry="own.deep:Model")) == [2, 4]


def test_the_modules_of_a_model_are_removed_with_it() -> None:
    model = load(saying("f'{__package__} {__file__}'"))
    package, _, file = response(model).partition(" ")
    assert package in sys.modules
    assert Path(file).exists()
    finders = [finder for finder in sys.meta_path if package in str(vars(finder))]
    del model
    gc.collect()
    assert not Path(file).parent.exists()
    assert not [name for name in sys.modules if name.startswith(package)]
    assert finders
    assert not [finder for finder in sys.meta_path if package in str(vars(finder))]
    load(saying("'next'"))
    assert not [path for path in sys.path_importer_cache if path.startswith(str(Path(file).parent))]


def test_the_files_are_removed_when_the_process_ends(tmp_path: Path) -> None:
    program = (
        "from modelyard.runtimes.python import model as python; from modelyard.config.model_spec import ModelSpec\n"
        f"files = {{'model.py': {textwrap.dedent(DOUBLES).encode()!r}}}\n"
        "spec = ModelSpec(name='m', runtime='python:model:Model', trusted=True)\n"
        "model = python.load(files, spec, cpus=1); import os; print(os.listdir(os.environ['TMPDIR']))"
    )
    run = [sys.executable, "-c", program]
    done = subprocess.run(run, env={"TMPDIR": str(tmp_path)}, capture_output=True, text=True, check=True)
    assert "modelyard-model-" in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1\ny = 1 / 0", "importing model failed at model.py:2: ZeroDivisionError: division by zero"),
        ("x = 1\ndef (", "importing model failed at model.py:2: SyntaxError: "),
        ("import nothing_like_this", "importing model failed at model.py:1: ModuleNotFoundError: No module named 'nothing"),
        ("import sys\nsys.exit('bye')", "importing model failed at model.py:2: SystemExit: bye"),
        ("Model = 3", "module model has no class Model"),
        ("class Other: ...", "module model has no class Model"),
        ("class Model:\n def __init__(self):\n  raise ValueError", r"Model\(\) failed at model.py:3: ValueError$"),
        ("class Model: ...", r"class Model has no method predict\(inputs\)"),
        ("class Model:\n def predict(self, inputs): ...", "reading `signature` failed: AttributeError: .* 'signature'"),
        ("class Model:\n signature = 3\n def predict(self, inputs): ...", "signature must be a dict, not int"),
        ("class Model:\n def predict(self, i): ...\n def load(self, d, o, c):\n  return o['word']",
         r"Model\.load\(\) failed at model.py:4: KeyError: 'word'"),
        (DOUBLES + "        example = {'z': [1]}", "`example` must be a dict with a list for every input: x"),
        (DOUBLES + "        example = {'x': ['a']}", "`example` does not match input 'x': could not convert"),
        (DOUBLES + "        example = {'x': 1}", r"`example` does not match input 'x': its shape is \[\], not \[-1\]"),
    ],
)  # fmt: skip
def test_an_error_in_the_operators_code_is_shown_with_its_place(source: str, message: str) -> None:
    with pytest.raises(LoadError, match=f"^{message}"):
        load(source)


def test_the_innermost_line_of_operator_code_is_named() -> None:
    files: dict[str, str | bytes] = {"model.py": "import own.a", "own/a.py": "import json\n\njson.loads('{')"}
    with pytest.raises(LoadError, match=r"importing model failed at own/a\.py:3: JSONDecodeError: "):
        load(files)


def test_a_module_outside_the_version_is_not_used() -> None:
    with pytest.raises(LoadError, match="the version has no module collections"):
        load(DOUBLES, entry="collections:Counter")


def test_labels_of_the_yaml_name_the_classes() -> None:
    source = """
    class Model:
        signature = {
            "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1]}],
            "outputs": [{"name": "y", "datatype": "FP64", "shape": [-1, 2]}],
            "scores": "y",
        }

        def predict(self, inputs):
            return {"y": inputs["x"][:, None] * [1, 2]}
    """
    signature = load(source, labels=["a", "b"]).signature
    assert (signature.task, signature.classes, signature.scores) == ("classification", ("a", "b"), "y")
    with pytest.raises(LoadError, match="there are 1 classes, but 'y' has 2 scores per row"):
        load(source, labels=["a"])
    with pytest.raises(LoadError, match="the YAML has `labels`, but the signature has neither"):
        load(DOUBLES, labels=["a"])


@pytest.mark.parametrize(
    ("error", "text", "expected"),
    [
        (TypeError, "'not a dict'", r"predict\(\) must return a dict of arrays by output, not str"),
        (ValueError, "{}", "output 'y' is missing"),
    ],
)
def test_predict_must_return_a_dict_of_all_outputs(error: type[Exception], text: str, expected: str) -> None:
    source = saying("0").replace('return {"y": 0}', f"return {text}")
    with pytest.raises(error, match=expected):
        response(load(source))


def test_what_predict_raises_is_raised_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        response(load(saying("1 / 0")))

"""Versions in the formats of other tools: each is named, with advice for its operator."""

import pytest

from modelyard.config.model_spec import ModelSpec
from modelyard.repository.artefact import UnusableVersion, runtime_of
from modelyard.repository.formats import FORMATS, MAX_FILES, advice
from modelyard.repository.snapshot import FileEntry

BERT = [
    "README.md",
    "config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
]
"""The files of every such Hugging Face folder, besides the weights."""
MLFLOW = ["MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt"]
WITH_TRUST = "`trusted: true` in the model's YAML"

KNOWN = [
    # boosting
    (["model.ubj"], "model.ubj is an XGBoost model", ["load_model('model.ubj')", "joblib.dump", WITH_TRUST]),
    (["0001.bst", "params.txt"], "0001.bst is an XGBoost model", ["onnxmltools.convert_xgboost"]),
    (["model.json", "example.json"], "model.json is probably an XGBoost model", ["load_model('model.json')"]),
    (["model.json", "group1-shard1of1.bin"], "model.json is a TensorFlow.js model", ["--tfjs model.json"]),
    (["model.txt"], "model.txt is probably a LightGBM model", ["convert_lightgbm", "model_file='model.txt'"]),
    (["churn.lgb"], "churn.lgb is a LightGBM model", ["convert_lightgbm"]),
    (["weights/churn.cbm"], "weights/churn.cbm is a CatBoost model", ["load_model('weights/churn.cbm')", WITH_TRUST]),
    # networks
    (["model.pt"], "model.pt is a PyTorch file", ["torch.onnx.export", "python model"]),
    (["net.pth"], "net.pth is a PyTorch file", ["torch.onnx.export"]),
    (["checkpoint.pth.tar"], "checkpoint.pth.tar is a PyTorch file", ["torch.onnx.export"]),
    (["best.pt"], "best.pt is an Ultralytics model", ["yolo export model=best.pt format=onnx"]),
    (["model.torchscript"], "model.torchscript is a TorchScript program", ["torch.jit.load"]),
    (["epoch=3-step=900.ckpt"], "epoch=3-step=900.ckpt is a training checkpoint", ["torch.onnx.export"]),
    (
        ["saved_model.pb", "keras_metadata.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"],
        "saved_model.pb is a TensorFlow SavedModel",
        ["tf2onnx.convert --saved-model"],
    ),
    (["m/saved_model.pb"], "m/saved_model.pb is a TensorFlow SavedModel", ["--saved-model"]),
    (
        ["checkpoint", "model.ckpt-10.index", "model.ckpt-10.data-00000-of-00001"],
        "checkpoint is a training checkpoint",
        [],
    ),
    (["frozen_graph.pb"], "frozen_graph.pb is a frozen TensorFlow graph", ["--graphdef frozen_graph.pb"]),
    (["churn.keras"], "churn.keras is a Keras model", ["export('model.onnx', format='onnx')"]),
    (["model.h5", "tokenizer.pickle"], "model.h5 is a Keras model", ["load_model('model.h5')"]),
    (["model.weights.h5"], "model.weights.h5 is the weights of a Keras model", ["load them into the model"]),
    (["model.tflite"], "model.tflite is a TensorFlow Lite model", ["--tflite model.tflite"]),
    (["net.mlmodel"], "net.mlmodel is a Core ML model", ["convert_coreml"]),
    (["net.mlpackage/Manifest.json", "net.mlpackage/Data/weights/weight.bin"], "Manifest.json is a Core ML", []),
    (["model.plan"], "model.plan is a TensorRT engine", ["the ONNX model that it was built from"]),
    (["yolo.engine"], "yolo.engine is a TensorRT engine", ["the ONNX model that it was built from"]),
    (["densenet.mar"], "densenet.mar is a TorchServe archive", ["torch.onnx.export"]),
    (["inference.pdmodel", "inference.pdiparams"], "a Paddle model", ["paddle2onnx"]),
    (["model.xml", "model.bin"], "model.xml is an OpenVINO model", []),
    (["model.ort"], "model.ort is an ONNX model in ONNX Runtime's own format", [".onnx file"]),
    (["model.onnx.data"], "model.onnx.data is the external data of an ONNX model", ["copy the .onnx file"]),
    (["model.onnx_data"], "model.onnx_data is the external data of an ONNX model", ["copy the .onnx file"]),
    # Hugging Face
    ([*BERT, "model.safetensors"], "model.safetensors is the weights of a Hugging Face model", ["optimum-cli"]),
    ([*BERT, "pytorch_model.bin"], "pytorch_model.bin is the weights of a Hugging Face model", ["optimum-cli"]),
    ([*BERT, "model-00001-of-00002.safetensors"], "the weights of a Hugging Face model", ["from_pretrained"]),
    ([*BERT, "model.safetensors", "onnx/model.onnx"], "onnx/model.onnx is an ONNX model", ["move it to model.onnx"]),
    (["adapter_config.json", "adapter_model.safetensors"], "a LoRA adapter", ["merge"]),
    (["unet.safetensors"], "weights without the network", ["torch.onnx.export"]),
    (["tokenizer.json", "vocab.txt"], "a Hugging Face model whose weights are missing", ["download the whole"]),
    (["llama-Q4_K_M.gguf"], "llama-Q4_K_M.gguf is a model for llama.cpp", ["llama_cpp", "generate()"]),
    # other servers and systems
    (["config.pbtxt", "1/model.onnx"], "1/model.onnx is a model in the layout of Triton", ["move it to model.onnx"]),
    (["config.pbtxt", "1/model.plan"], "1/model.plan is a TensorRT engine", []),
    (
        [*(f"model/{name}" for name in MLFLOW), "model/model.pkl", "model/code/features.py"],
        "model/model.pkl is the pickle of an MLflow model",
        ["move it to model.pkl", "modules of MLflow's folder code/", WITH_TRUST],
    ),
    ([*MLFLOW, "python_model.pkl"], "python_model.pkl is an MLflow Python function", ["mlflow.pyfunc.load_model"]),
    ([*MLFLOW, "model.xgb"], "model.xgb is an XGBoost model", []),
    ([*MLFLOW, "data/model.pth", "data/pickle_module_info.txt"], "data/model.pth is a PyTorch file", []),
    ([*MLFLOW, "whatever"], "MLmodel is the description of an MLflow model", ["mlflow.pyfunc.load_model"]),
    (["predictor.pkl", "learner.pkl", "models/trainer.pkl"], "an AutoGluon predictor", ["TabularPredictor.load"]),
    (["churn.pmml"], "churn.pmml is a PMML model", ["pypmml"]),
    (["metadata/part-00000", "stages/0_x/metadata/part-00000"], "a Spark ML model", ["convert_sparkml"]),
    (["model.rds"], "model.rds is an R object", []),
    (["config.cfg", "meta.json", "ner/model"], "config.cfg is a spaCy pipeline", ["spacy.load(directory)"]),
    (["lid.176.ftz"], "lid.176.ftz is a fastText model", []),
    (["gbm_mojo.zip"], "gbm_mojo.zip is an H2O model", []),
    (["model.onnx.dvc", ".gitignore"], "model.onnx.dvc is a DVC pointer", ["dvc pull"]),
    # supported formats under other names
    (["churn.onnx"], "churn.onnx is an ONNX model: name it model.onnx", []),
    (["MODEL.ONNX"], "MODEL.ONNX is an ONNX model: name it model.onnx", []),
    (["Model.onnx", "weights.bin"], "Model.onnx is an ONNX model: name it model.onnx", []),
    (["model/model.onnx"], "model/model.onnx is an ONNX model: move it to model.onnx", []),
    (["deep/er/clf.skops", "clf.skops"], "clf.skops is a skops file: name it model.skops", []),
    (["model.joblib.gz"], "model.joblib.gz is a compressed pickle: name it model.joblib", [WITH_TRUST]),
    (["model.pkl.gz"], "model.pkl.gz is a compressed pickle: name it model.joblib", [WITH_TRUST]),
    (["a/model.pkl.bz2"], "a/model.pkl.bz2 is a compressed pickle: move it to model.joblib", [WITH_TRUST]),
    (["clf.joblib"], "clf.joblib is a pickle", ["name it model.joblib", WITH_TRUST]),
    (["Model.joblib"], "Model.joblib is a pickle", ["name it model.joblib", WITH_TRUST]),
    (["sub/model.joblib", "README.md"], "sub/model.joblib is a pickle", ["move it to model.joblib", WITH_TRUST]),
    (["model.pickle"], "model.pickle is probably a pickle", ["name it model.pkl", WITH_TRUST]),
    (["finalized_model.sav"], "finalized_model.sav is probably a pickle", ["name it model.pkl", WITH_TRUST]),
    (["vectorizer.pkl", "model.pt"], "model.pt is a PyTorch file", []),
    # no model yet
    (["model.tar.gz"], "model.tar.gz is an archive", ["unpack it"]),
    (["model.zip"], "model.zip is an archive", ["unpack it"]),
    (["model.onnx.gz"], "model.onnx.gz is compressed", ["unpack it"]),
    (["model.onnx.part"], "model.onnx.part is an incomplete download or copy", ["copy the file again"]),
    (["train.ipynb"], "train.ipynb is a notebook", ["skops.io.dump"]),
    (["model.bin"], "model.bin is a file that many frameworks write", ["python model"]),
]


@pytest.mark.parametrize(("files", "what", "to_do"), KNOWN, ids=["+".join(files)[:60] for files, *_ in KNOWN])
def test_a_version_in_the_format_of_another_tool_is_rejected_with_advice(
    files: list[str], what: str, to_do: list[str]
) -> None:
    with pytest.raises(UnusableVersion) as rejected:
        runtime_of(ModelSpec(name="m"), [FileEntry(path, 1) for path in files])
    reason = rejected.value.args[0]
    assert what in reason
    for part in to_do:
        assert part in reason
    assert "{" not in reason


def test_every_row_is_reached_by_some_version() -> None:
    reached = {advice(files).partition(" is ")[2].partition(":")[0] for files, *_ in KNOWN}
    assert {row.description for row in FORMATS} - reached == {"the weights of a Flax model"}


@pytest.mark.parametrize(
    "name", ["requirements.txt", "vocab.txt", "params.json", "config.json", "README.md", "LICENSE"]
)
def test_files_that_accompany_models_are_not_models(name: str) -> None:
    assert advice([name]) == ""


def test_code_next_to_a_foreign_file_may_be_the_model() -> None:
    with pytest.raises(
        UnusableVersion, match=r"model\.pt is a PyTorch file: .*\. If net/serve\.py is the model, set `runtime: py"
    ):
        runtime_of(ModelSpec(name="m"), [FileEntry("model.pt", 1), FileEntry("net/serve.py", 1)])


def test_a_version_with_thousands_of_files_is_recognised_by_those_nearest_to_its_root() -> None:
    files = [f"a/{number}.bin" for number in range(10 * MAX_FILES)]
    assert advice([*files, "z.cbm"]).startswith("z.cbm is a CatBoost model")


def test_the_file_to_move_is_named_without_its_folders() -> None:
    files = ["triton/1/model.onnx", "triton/config.pbtxt"]
    assert advice(files).startswith("triton/1/model.onnx is a model in the layout of Triton: move it to model.onnx: ")

"""Known model formats that no runtime loads: what each file is, and how to serve the model in it. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import cache

MAX_FILES = 1000
"""How many files of a version are examined, those nearest to its root first: enough to recognise the format."""

JOBLIB = "joblib.dump(..., 'model.joblib') with `trusted: true` in the model's YAML"
PYTHON = "write a python model around it (docs/runtimes.md)"
XGBOOST = (
    f"open it with xgboost.XGBClassifier or XGBRegressor, .load_model('{{file}}'), and save that with {JOBLIB}; or convert it "
    "with onnxmltools.convert_xgboost"
)
LIGHTGBM = (
    "open it with lightgbm.Booster(model_file='{file}') and convert it with onnxmltools.convert_lightgbm; or save the "
    f"LGBMClassifier or LGBMRegressor that it was made from with {JOBLIB}"
)


@dataclass(frozen=True, slots=True)
class Format:
    """A row of FORMATS."""

    files: tuple[str, ...]
    """Shell patterns in lower case. One with a slash matches a path, where `*` also matches slashes; others match a name."""
    description: str
    """What the file is, worded to follow "<path> is"."""
    advice: str
    """What to do. `{file}` is the path, `{name}` its last part; `{put}` is "name it" or "move it to"."""
    also_requires: tuple[str, ...] = ()
    """Patterns of which at least one must match another file. () means no such condition."""


FORMATS = (
    # Folders of other servers, and placeholders for the model.
    Format(("*.dvc",), "a DVC pointer, not the model itself", "run `dvc pull`, and copy the file that it downloads"),
    Format(
        ("*/model.onnx", "*/model.skops", "*/model.joblib", "*/model.pkl"),
        "a model in the layout of Triton",
        "{put} {name}: the files of Triton's folder 1/ belong in the version's folder itself; config.pbtxt is not read",
        also_requires=("config.pbtxt",),
    ),
    Format(
        ("*/model.pkl",),
        "the pickle of an MLflow model",
        "{put} model.pkl, put the modules of MLflow's folder code/ next to it, and set `trusted: true` in the model's YAML",
        also_requires=("mlmodel",),
    ),
    Format(
        ("python_model.pkl",),
        "an MLflow Python function",
        "write a python model (docs/runtimes.md) whose load() calls mlflow.pyfunc.load_model(directory)",
        also_requires=("mlmodel",),
    ),
    Format(
        ("predictor.pkl",),
        "an AutoGluon predictor",
        "write a python model (docs/runtimes.md) whose load() calls TabularPredictor.load(directory)",
        also_requires=("learner.pkl",),
    ),
    # Supported formats under other names.
    Format(("*.onnx",), "an ONNX model", "{put} model.onnx"),
    Format(("*.skops",), "a skops file", "{put} model.skops"),
    Format(
        ("*.onnx.data", "*.onnx_data", "*.onnx.data.*", "*.onnx_data_*"),
        "the external data of an ONNX model",
        "also copy the .onnx file that refers to it, as model.onnx",
    ),
    Format(
        ("*.ort",),
        "an ONNX model in ONNX Runtime's own format",
        "copy the .onnx file that it was made from, as model.onnx",
    ),
    # Gradient boosting.
    Format(
        ("model.json",),
        "a TensorFlow.js model",
        "convert it with `python -m tf2onnx.convert --tfjs {file} --output model.onnx`",
        also_requires=("*shard*of*",),
    ),
    Format(("*.ubj", "*.bst", "*.xgb", "*xgb*.json", "*xgb*.model", "*xgboost*.bin"), "an XGBoost model", XGBOOST),
    Format(("*.lgb", "*.lgbm", "*lgb*.txt", "*lightgbm*.txt"), "a LightGBM model", LIGHTGBM),
    Format(
        ("*.cbm", "*catboost*.bin"),
        "a CatBoost model",
        f"open it with catboost.CatBoostClassifier or CatBoostRegressor, .load_model('{{file}}'), and save that with {JOBLIB}; "
        "or, where it has no categorical features, with .save_model('model.onnx', format='onnx')",
    ),
    Format(("model.json", "model.model"), "probably an XGBoost model", XGBOOST),
    Format(("model.txt",), "probably a LightGBM model", LIGHTGBM),
    # Neural networks. TensorRT before PyTorch, and Hugging Face folders before single weight files.
    Format(
        ("*.engine", "*.plan", "*.trt"),
        "a TensorRT engine, built for one kind of GPU",
        "copy the ONNX model that it was built from, as model.onnx",
    ),
    Format(
        ("*.mar",),
        "a TorchServe archive",
        "export the PyTorch model in it with torch.onnx.export, as model.onnx; or unpack it and " + PYTHON,
    ),
    Format(
        ("adapter_model.*",),
        "a LoRA adapter, not a whole model",
        "merge it into its base model (merge_and_unload() of peft), and export that with "
        "`optimum-cli export onnx --model <folder> <to>` (pip install optimum-onnx)",
    ),
    Format(
        ("*.safetensors", "pytorch_model*.bin", "tf_model.h5", "flax_model*.msgpack"),
        "the weights of a Hugging Face model",
        "export the folder with `optimum-cli export onnx --model <folder> <to>` (pip install optimum-onnx) and copy its "
        "output; or write a python model (docs/runtimes.md) whose load() calls from_pretrained(directory)",
        also_requires=("config.json",),
    ),
    Format(
        ("*.safetensors",),
        "weights without the network that they belong to",
        "load them into the network where it was trained, and export that as model.onnx (torch.onnx.export); or write a python "
        "model (docs/runtimes.md) that contains the network's code",
    ),
    Format(
        ("*.gguf", "ggml*.bin", "*.ggml"),
        "a model for llama.cpp",
        "write a python model (docs/runtimes.md) with llama_cpp.Llama, whose generate() streams the output",
    ),
    Format(
        ("saved_model.pb", "saved_model.pbtxt", "variables.index"),
        "a TensorFlow SavedModel",
        "convert its folder with `python -m tf2onnx.convert --saved-model <folder> --output model.onnx`",
    ),
    Format(
        ("*.weights.h5",),
        "the weights of a Keras model, without its layers",
        "load them into the model that they belong to, and save that with model.export('model.onnx', format='onnx')",
    ),
    Format(
        ("*.keras", "*.h5", "*.hdf5"),
        "a Keras model",
        "open it with keras.saving.load_model('{file}') and save it with .export('model.onnx', format='onnx')",
    ),
    Format(
        ("*.tflite", "*.lite"),
        "a TensorFlow Lite model",
        "convert it with `python -m tf2onnx.convert --tflite {file} --output model.onnx`",
    ),
    Format(
        ("*.torchscript", "*.torchscript.pt", "*.ptl", "*_scripted.pt", "*_traced.pt"),
        "a TorchScript program",
        "export the network that it was made from with torch.onnx.export, as model.onnx; or "
        + PYTHON
        + " (torch.jit.load)",
    ),
    Format(
        ("best.pt", "last.pt", "*yolo*.pt"),
        "an Ultralytics model",
        "convert it with `yolo export model={file} format=onnx`, and name the result model.onnx",
    ),
    Format(
        ("*.pt", "*.pth", "*.pt2", "*.pth.tar"),
        "a PyTorch file",
        "open it where it was trained, and export the network with torch.onnx.export(network, example, 'model.onnx'); or "
        + PYTHON,
    ),
    Format(
        ("*.ckpt", "*.ckpt.*", "*.ckpt-*", "checkpoint"),
        "a training checkpoint, without the network's code",
        "restore it where it was trained, and export the network as model.onnx (torch.onnx.export, tf2onnx)",
    ),
    Format(
        ("*.pb", "*.graphdef"),
        "a frozen TensorFlow graph",
        "convert it with `python -m tf2onnx.convert --graphdef {file} --inputs ... --outputs ... --output model.onnx`",
    ),
    Format(("*.msgpack",), "the weights of a Flax model", "convert it with jax2onnx or through PyTorch; or " + PYTHON),
    Format(
        ("*.mlmodel", "*.mlpackage/*", "*.mlmodelc/*"),
        "a Core ML model",
        "export the model that it was made from as model.onnx; or convert it with onnxmltools.convert_coreml",
    ),
    Format(
        ("*.pdmodel", "*.pdiparams"),
        "a Paddle model",
        "convert it with `paddle2onnx --model_dir . --model_filename <.pdmodel> --params_filename <.pdiparams> --save_file "
        "model.onnx`",
    ),
    Format(
        ("*.xml",),
        "an OpenVINO model",
        "copy the ONNX model that it was made from, as model.onnx; or " + PYTHON,
        also_requires=("*.bin",),
    ),
    # Other systems.
    Format(
        ("*.pmml",),
        "a PMML model",
        f"save the model that it was made from as skops or ONNX; or {PYTHON} (pypmml)",
    ),
    Format(("*mojo*.zip", "*.mojo"), "an H2O model", PYTHON + " (h2o.import_mojo)"),
    Format(
        ("metadata/part-*", "*/metadata/part-*"),
        "a Spark ML model",
        "convert it with onnxmltools.convert_sparkml, as model.onnx",
    ),
    Format(
        ("*.rds", "*.rda", "*.rdata"),
        "an R object",
        "write it as ONNX, or in its library's own format (xgb.save, lgb.save)",
    ),
    Format(
        ("config.cfg",),
        "a spaCy pipeline",
        "write a python model (docs/runtimes.md) with spacy.load(directory)",
        ("meta.json",),
    ),
    Format(("*.ftz", "*fasttext*.bin"), "a fastText model", PYTHON + " (fasttext.load_model)"),
    # Pickles, which also occur next to models of other formats. joblib detects the compression by itself.
    Format(
        tuple(
            f"*.{kind}.{packed}"
            for kind in ("joblib", "pkl", "pickle")
            for packed in ("gz", "gzip", "bz2", "xz", "lzma", "lz4", "z")
        ),
        "a compressed pickle",
        "{put} model.joblib, still compressed, and set `trusted: true` in the model's YAML",
    ),
    Format(
        ("*.joblib", "*.jbl"),
        "a pickle written by joblib",
        "if it is the model, {put} model.joblib and set `trusted: true` in the model's YAML",
    ),
    Format(
        ("*.pkl", "*.pickle", "*.pck", "*.pcl", "*.p", "*.sav", "*.dill", "*.cloudpickle", "*.dump"),
        "probably a pickle",
        "if it is the model, {put} model.pkl and set `trusted: true` in the model's YAML",
    ),
    # Files that may contain anything.
    Format(
        ("mlmodel",),
        "the description of an MLflow model",
        "load the model with MLflow and save it as skops or ONNX; or write a python model (docs/runtimes.md) whose load() "
        "calls mlflow.pyfunc.load_model(directory)",
    ),
    Format(
        ("*.part", "*.partial", "*.crdownload", "*.download", "*.tmp"),
        "an incomplete download or copy",
        "copy the file again",
    ),
    Format(
        ("*.zip", "*.tar", "*.tar.*", "*.tgz", "*.tbz2", "*.7z", "*.rar"),
        "an archive",
        "unpack it: the files of the model belong in the version's folder itself",
    ),
    Format(
        ("*.gz", "*.bz2", "*.xz", "*.lz4", "*.zst", "*.z"),
        "compressed",
        "unpack it",
    ),
    Format(
        ("*.ipynb",),
        "a notebook, not a model",
        f"save the fitted model in it with skops.io.dump(..., 'model.skops') or {JOBLIB}",
    ),
    Format(
        ("*.bin", "*.model", "*.weights", "*.params", "*.dat", "*.npz", "*.npy", "*.mat"),
        "a file that many frameworks write",
        "save the model as ONNX or skops where it was trained; or " + PYTHON,
    ),
    Format(
        ("tokenizer.json", "tokenizer_config.json", "generation_config.json", "preprocessor_config.json"),
        "a part of a Hugging Face model whose weights are missing",
        "download the whole model, and export it with `optimum-cli export onnx --model <folder> <to>` (pip install optimum-onnx)",
    ),
)
"""In order: the first row that matches applies."""


def advice(paths: Sequence[str]) -> str:
    """What a version with these files is, and what to do; "" if no row matches."""
    examined = sorted(paths, key=lambda path: (path.count("/"), path))[:MAX_FILES]
    for row in FORMATS:
        file = next((path for path in examined if _matches(row.files, path)), None)
        if file and (not row.also_requires or any(_matches(row.also_requires, path) for path in examined)):
            put = "move it to" if "/" in file else "name it"
            name = file.rpartition("/")[2]
            what_to_do = row.advice.replace("{put}", put).replace("{name}", name).replace("{file}", file)
            return f"{file} is {row.description}: {what_to_do}"
    return ""


def _matches(patterns: tuple[str, ...], path: str) -> bool:
    name, whole = _compiled(patterns)
    lower = path.lower()
    return bool((name and name.match(lower.rpartition("/")[2])) or (whole and whole.match(lower)))


@cache
def _compiled(patterns: tuple[str, ...]) -> tuple[re.Pattern[str] | None, re.Pattern[str] | None]:
    """Patterns for names and for paths."""
    names = [translate(pattern) for pattern in patterns if "/" not in pattern]
    paths = [translate(pattern) for pattern in patterns if "/" in pattern]
    return (re.compile("|".join(names)) if names else None), (re.compile("|".join(paths)) if paths else None)

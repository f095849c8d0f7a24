"""Saves a model in MLflow's format: `python -m benchmarks.rivals.mlflow_model ARTEFACT FOLDER`.

Source: https://mlflow.org/docs/latest/ml/model/
"""

import sys
from pathlib import Path


def save(artefact: Path, folder: Path) -> None:
    """Save the artefact, a .onnx or a .joblib file, into the folder."""
    if artefact.suffix == ".onnx":
        import mlflow.onnx  # noqa: PLC0415
        import onnx  # noqa: PLC0415

        options = {"intra_op_num_threads": 1}
        mlflow.onnx.save_model(onnx.load(artefact), folder, onnx_session_options=options, pip_requirements=[])
    else:
        import joblib  # noqa: PLC0415
        import mlflow.sklearn  # noqa: PLC0415

        mlflow.sklearn.save_model(joblib.load(artefact), folder, pip_requirements=[])


if __name__ == "__main__":
    save(Path(sys.argv[1]), Path(sys.argv[2]))

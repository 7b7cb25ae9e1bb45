"""Store a fitted model in MLflow, without a pickle: a skops file with signature, input example and requirements."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from evenhand.errors import EvenhandError
from evenhand.scoring.model import FittedCandidate
from tasks.registry.digests import model_sha256
from tasks.registry.trusted_types import TRUSTED_TYPES, refuse_untrusted_types
from tasks.tracking.client import connect

# Packages for loading and predicting. `evenhand` is not on a package index and has to be installed as well.
REQUIREMENTS = (
    "scikit-learn",
    "lightgbm",
    "skops",
    "pandas",
    "numpy",
    "scipy",
    "imbalanced-learn",
    "pyarrow",
    "pydantic",
)
EXAMPLE_ROWS = 5
MODEL_FILE = "model.skops"
REFERENCE_FILE = "monitor_reference.json.gz"


class LoggedModel(NamedTuple):
    """A model that was stored: its address, ``models:/m-...``, the digest of its files and their size."""

    uri: str
    sha256: str
    bytes: int


class ModelFile(NamedTuple):
    """A fitted model in a file, with the names of its raw columns."""

    path: Path
    columns: tuple[str, ...]
    reference: Path | None = None
    """Summaries for monitoring, stored beside it and digested with it."""

    def remove(self) -> None:
        """Delete the files, once the registry has copies."""
        self.path.unlink()
        if self.reference is not None:
            self.reference.unlink()


def write_model(fitted: FittedCandidate, path: Path) -> ModelFile:
    """Write a fitted model as a compressed skops file.

    Parameters
    ----------
    fitted : FittedCandidate
    path : Path
        Of the new file; its folder is created.

    Raises
    ------
    EvenhandError
        When the model holds a type that is not in ``TRUSTED_TYPES``, or one that skops can't write. No file is
        left then.
    """
    import skops.io
    from skops.io.exceptions import UnsupportedTypeException

    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    try:
        skops.io.dump(fitted, partial, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
        refuse_untrusted_types(partial)
        partial.replace(path)
    except (EvenhandError, UnsupportedTypeException) as error:
        raise EvenhandError(f"the model can't be stored: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return ModelFile(path, tuple(str(name) for name in fitted.encoder.feature_names_in_))


def log_model(
    run_id: str,
    model: ModelFile,
    example: pd.DataFrame,
    name: str = "model",
    metadata: Mapping[str, Any] | None = None,
) -> LoggedModel:
    """Store a model with its signature and input example.

    Parameters
    ----------
    run_id : str
        The run that fitted it.
    model : ModelFile
    example : DataFrame of shape (n_rows, n_columns)
        Typed raw columns. The first five rows of the model's columns are stored as its input example.
    name : str
    metadata : mapping
        Further entries of the model's description.

    Returns
    -------
    LoggedModel
        Its digest is of the files as they were before they were sent to MLflow.

    Raises
    ------
    EvenhandError
        When MLflow can't store it.
    """
    client = connect()
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model

    record = client.create_logged_model(client.get_run(run_id).info.experiment_id, name=name, source_run_id=run_id)
    flavor = _StoredSklearn()
    try:
        info = Model.log(
            artifact_path=None,
            flavor=flavor,
            flavor_name="sklearn",
            name=name,
            model_id=record.model_id,
            run_id=run_id,
            **_model_options(model, example, metadata or {}),
        )
    except MlflowException as error:
        raise EvenhandError(f"the model can't be stored: {error}") from error
    return LoggedModel(info.model_uri, flavor.sha256, flavor.bytes)


def _model_options(model: ModelFile, example: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of ``mlflow.sklearn.save_model`` for a stored model."""
    rows = _example(model, example)
    return {
        "file": model.path,
        "reference": model.reference,
        "serialization_format": "skops",
        "skops_trusted_types": list(TRUSTED_TYPES),
        "pip_requirements": [f"{package}=={version(package)}" for package in REQUIREMENTS],
        "signature": _signature(rows),
        "input_example": rows,
        "validate_serving_input": False,  # MLflow would load the model for it; it is loaded before it is registered
        "metadata": {**metadata, "needs": f"the evenhand package, version {_own_version()}"},
    }


class _StoredSklearn:
    """MLflow's scikit-learn flavour for a model that is already in a file.

    MLflow itself would serialise the model in memory, uncompressed, and read it once more next to the model.
    """

    def __init__(self) -> None:
        self.sha256, self.bytes = "", 0

    def save_model(
        self, path: str, mlflow_model: Any, file: Path, reference: Path | None = None, **settings: Any
    ) -> None:
        """Save a model into a new folder: MLflow's description of it, its file and its reference for monitoring."""
        import mlflow.sklearn

        settings.pop("validate_serving_input")
        placeholder = FittedCandidate(encoder=None, classifier=None, class_names=[])
        mlflow.sklearn.save_model(placeholder, path=path, mlflow_model=mlflow_model, **settings)
        shutil.copyfile(file, Path(path, mlflow_model.flavors["sklearn"]["pickled_model"]))
        if reference is not None:
            shutil.copyfile(reference, Path(path, REFERENCE_FILE))
        self.bytes = mlflow_model.model_size_bytes = sum(found.stat().st_size for found in Path(path).rglob("*"))
        mlflow_model.save(str(Path(path, "MLmodel")))
        self.sha256 = model_sha256(Path(path))


def _own_version() -> str:
    try:
        return version("evenhand")
    except PackageNotFoundError:
        return "of its repository, on the path"


def _example(model: ModelFile, frame: pd.DataFrame) -> pd.DataFrame:
    """Select a few rows of the model's columns, with types that can hold a missing cell."""
    rows = frame[list(model.columns)].head(EXAMPLE_ROWS).reset_index(drop=True)
    return rows.apply(_example_column)


def _example_column(column: pd.Series) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(column):
        utc = column if column.dt.tz is None else column.dt.tz_convert("UTC").dt.tz_localize(None)
        return utc.astype("datetime64[ns]")
    if pd.api.types.is_numeric_dtype(column):
        return column.astype("float64")
    return column.astype(object).where(column.notna(), None)


def _signature(rows: pd.DataFrame) -> Any:
    """Return a signature in which every column is optional, whatever the rows of the example hold."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    inputs = Schema([ColSpec(_data_type(rows[name]), name=str(name), required=False) for name in rows.columns])
    return ModelSignature(inputs=inputs, outputs=Schema([ColSpec(DataType.string)]))


def _data_type(column: pd.Series) -> Any:
    from mlflow.types import DataType

    if pd.api.types.is_datetime64_any_dtype(column):
        return DataType.datetime
    return DataType.double if pd.api.types.is_numeric_dtype(column) else DataType.string

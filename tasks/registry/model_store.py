"""A fitted model to and from MLflow without a pickle: only types on our own list are ever loaded."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import yaml

from evenhand.errors import EvenhandError
from evenhand.scoring.model import FittedCandidate
from tasks.registry.client import connect

# What skops does not trust by itself and our models hold. A list inside an artifact is its author's, never ours.
TRUSTED_TYPES = (
    "collections.OrderedDict",
    "collections.defaultdict",
    "evenhand.features.anomaly.detectors.Distances",
    "evenhand.features.anomaly.detectors.FittedDetector",
    "evenhand.features.anomaly.detectors.Tails",
    "evenhand.features.anomaly.anomaly_scores.AnomalyScores",
    "evenhand.features.anomaly.detector_input.Points",
    "evenhand.postprocess.calibrators.Chained",
    "evenhand.postprocess.calibrators.Isotonic",
    "evenhand.postprocess.calibrators.PriorCorrection",
    "evenhand.postprocess.calibrators.Sigmoid",
    "evenhand.postprocess.calibrators.Temperature",
    "evenhand.features.encoder.CoordinateCells",
    "evenhand.features.encoder.CyclicCells",
    "evenhand.features.encoder.NewGapFiller",
    "evenhand.features.encoder.NumberCells",
    "evenhand.features.encoder.TextCells",
    "evenhand.features.encoder.TimeCells",
    "evenhand.scoring.model.FittedCandidate",
    "evenhand.data.lineage.Encoder",
    "evenhand.models.balanced_ensembles.MeanOfModels",
    "evenhand.models.transfer.continued_lightgbm.ContinuedLightGBM",
    "evenhand.models.detector_classifier.DetectorClassifier",
    "evenhand.models.imputation.FilledGradientBoosting",
    "evenhand.models.focal.FocalLightGBM",
    "evenhand.models.prepared.Prepared",
    "evenhand.features.class_rates.RateCategories",
    "evenhand.features.class_rates.RateEncoder",
    "evenhand.postprocess.rules.Capacity",
    "evenhand.postprocess.rules.LargestWeighted",
    "evenhand.postprocess.rules.LeastCost",
    "evenhand.training.stacking.RawColumns",
    "evenhand.training.stacking.Stack",
    "evenhand.features.text_columns.TextColumns",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.tree._tree.Tree",
)
# What loading and predicting need; `evenhand` is not on an index and has to be installed beside them.
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


class ModelFile(NamedTuple):
    """A fitted model in a file, and what its description says of it."""

    path: Path
    columns: tuple[str, ...]


def write_model(fitted: FittedCandidate, path: Path) -> ModelFile:
    """Write a fitted model as a compressed skops file.

    Parameters
    ----------
    fitted : FittedCandidate
    path : Path
        Of the new file; its folder is made.

    Raises
    ------
    EvenhandError
        When the model holds a type that is not in ``TRUSTED_TYPES``, or one that skops can't write. There is no file
        then.
    """
    import skops.io
    from skops.io.exceptions import UnsupportedTypeException

    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    try:
        skops.io.dump(fitted, partial, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
        _refuse_strangers(partial)
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
) -> str:
    """Store a model with its signature and input example.

    Parameters
    ----------
    run_id : str
        The run it comes from.
    model : ModelFile
    example : DataFrame of shape (n_rows, n_columns)
        Typed raw columns; the model's own are picked, and five rows kept.
    name : str
    metadata : mapping
        More to write into the model's description.

    Returns
    -------
    str
        Its address, ``models:/m-...``.

    Raises
    ------
    EvenhandError
        When MLflow does not take it.
    """
    client = connect()
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model

    rows = _example(model, example)
    about = {**(metadata or {}), "needs": f"the evenhand package, version {_own_version()}"}
    pins = [f"{package}=={version(package)}" for package in REQUIREMENTS]
    record = client.create_logged_model(client.get_run(run_id).info.experiment_id, name=name, source_run_id=run_id)
    try:
        info = Model.log(
            artifact_path=None,
            flavor=_WrittenSklearn,
            flavor_name="sklearn",
            name=name,
            model_id=record.model_id,
            run_id=run_id,
            file=model.path,
            serialization_format="skops",
            skops_trusted_types=list(TRUSTED_TYPES),
            pip_requirements=pins,
            signature=_signature(rows),
            input_example=rows,
            metadata=about,
        )
    except MlflowException as error:
        raise EvenhandError(f"the model can't be stored: {error}") from error
    return info.model_uri


def load_model(uri: str) -> FittedCandidate:
    """Load a model that :func:`log_model` stored.

    Parameters
    ----------
    uri : str
        ``models:/m-...``, ``models:/<name>@<alias>``, ``models:/<name>/<version>`` or a folder.

    Returns
    -------
    FittedCandidate

    Raises
    ------
    EvenhandError
        When it can't be fetched, is no skops file (a pickle is refused unread), holds a type that is not in
        ``TRUSTED_TYPES``, or is not one of our models.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = _skops_file(uri, Path(folder))
        try:
            fitted = _load(file)
        except EvenhandError as refusal:
            raise EvenhandError(f"{uri}: refused, {refusal}") from refusal
        except Exception as error:  # whatever a damaged or hostile file raises, it is no model
            raise EvenhandError(f"{uri}: not a readable model: {type(error).__name__}: {error}") from error
    return fitted


def _load(file: Path) -> FittedCandidate:
    import skops.io

    _refuse_strangers(file)
    fitted = skops.io.load(file, trusted=list(TRUSTED_TYPES))
    if not isinstance(fitted, FittedCandidate):
        raise EvenhandError(f"it holds a {type(fitted).__name__} where a FittedCandidate belongs")
    return fitted


def _skops_file(uri: str, into: Path) -> Path:
    """Fetch a model; return its file once its description says that it is no pickle."""
    connect()
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    try:
        folder = Path(download_artifacts(artifact_uri=uri, dst_path=str(into)))
        flavor = yaml.safe_load((folder / "MLmodel").read_text())["flavors"]["sklearn"]
        found, file = flavor["serialization_format"], folder / flavor["pickled_model"]
    except (MlflowException, OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise EvenhandError(f"{uri}: no scikit-learn model can be fetched there: {error!r}") from error
    if found != "skops":
        raise EvenhandError(f"{uri}: refused, its format is {found!r}; allowed: skops")
    if file.resolve().parent != folder.resolve():
        raise EvenhandError(f"{uri}: refused, its model file is outside its folder: {flavor['pickled_model']}")
    return file


def _refuse_strangers(file: Path) -> None:
    import skops.io

    strangers = sorted(set(skops.io.get_untrusted_types(file=file)) - set(TRUSTED_TYPES))
    if strangers:
        raise EvenhandError(f"it holds {', '.join(strangers)}, which no model of ours does")


class _WrittenSklearn:
    """MLflow's scikit-learn flavour of a model whose file is there.

    MLflow's own way makes the file in memory, uncompressed, and reads it once more beside the model.
    """

    @staticmethod
    def save_model(path: str, mlflow_model: Any, file: Path, **settings: Any) -> None:
        """Save a model into a new folder: what MLflow writes about it, and its file."""
        import mlflow.sklearn

        nothing = FittedCandidate(encoder=None, classifier=None, class_names=[])
        mlflow.sklearn.save_model(nothing, path=path, mlflow_model=mlflow_model, **settings)
        shutil.copyfile(file, Path(path, mlflow_model.flavors["sklearn"]["pickled_model"]))
        mlflow_model.model_size_bytes = sum(found.stat().st_size for found in Path(path).rglob("*"))
        mlflow_model.save(str(Path(path, "MLmodel")))


def _own_version() -> str:
    try:
        return version("evenhand")
    except PackageNotFoundError:
        return "of its repository, on the path"


def _example(model: ModelFile, frame: pd.DataFrame) -> pd.DataFrame:
    """Pick a few rows of the model's own columns, with types that can hold a missing cell."""
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
    """Every column may hold missing cells, whatever the example's rows happen to hold."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    inputs = Schema([ColSpec(_data_type(rows[name]), name=str(name), required=False) for name in rows.columns])
    return ModelSignature(inputs=inputs, outputs=Schema([ColSpec(DataType.string)]))


def _data_type(column: pd.Series) -> Any:
    from mlflow.types import DataType

    if pd.api.types.is_datetime64_any_dtype(column):
        return DataType.datetime
    return DataType.double if pd.api.types.is_numeric_dtype(column) else DataType.string

"""Load a fitted model from MLflow: skops files only, and only types that are trusted."""

from __future__ import annotations

import tempfile
from pathlib import Path

import yaml

from evenhand.errors import EvenhandError
from evenhand.scoring.model import FittedCandidate
from tasks.registry.client import connect
from tasks.registry.trusted_types import TRUSTED_TYPES, refuse_untrusted_types


def load_model(uri: str) -> FittedCandidate:
    """Load a model that :func:`tasks.registry.store_model.log_model` stored.

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
        When the model can't be fetched, is not a skops file (a pickle is refused without being read), holds a type that
        is not in ``TRUSTED_TYPES``, as one of an older version may, or is not a ``FittedCandidate``.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = _fetch_skops_file(uri, Path(folder))
        try:
            fitted = _load(file)
        except EvenhandError as refusal:
            raise EvenhandError(f"{uri}: refused, {refusal}") from refusal
        except Exception as error:  # a damaged or hostile file may raise anything
            raise EvenhandError(f"{uri}: not a readable model: {type(error).__name__}: {error}") from error
    return fitted


def load_version(name: str, version: str) -> FittedCandidate:
    """Load a registered version; see :func:`load_model`."""
    return load_model(f"models:/{name}/{version}")


def _load(file: Path) -> FittedCandidate:
    import skops.io

    refuse_untrusted_types(file)
    fitted = skops.io.load(file, trusted=list(TRUSTED_TYPES))
    if not isinstance(fitted, FittedCandidate):
        raise EvenhandError(f"it holds a {type(fitted).__name__}; a FittedCandidate is required")
    return fitted


def _fetch_skops_file(uri: str, folder: Path) -> Path:
    """Fetch a model and return its file, after its description has shown that it is not a pickle."""
    connect()
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    try:
        model = Path(download_artifacts(artifact_uri=uri, dst_path=str(folder)))
        flavor = yaml.safe_load((model / "MLmodel").read_text())["flavors"]["sklearn"]
        found, file = flavor["serialization_format"], model / flavor["pickled_model"]
    except (MlflowException, OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise EvenhandError(f"{uri}: no scikit-learn model can be fetched there: {error!r}") from error
    if found != "skops":
        raise EvenhandError(f"{uri}: refused, its format is {found!r}; allowed: skops")
    if file.resolve().parent != model.resolve():
        raise EvenhandError(f"{uri}: refused, its model file is outside its folder: {flavor['pickled_model']}")
    return file

"""Load a fitted model from MLflow: skops files only, and only types that are trusted."""

from __future__ import annotations

import tempfile
from pathlib import Path

import yaml

from evenhand.errors import EvenhandError
from evenhand.scoring.model import FittedCandidate
from tasks.registry.digests import model_sha256
from tasks.registry.store_model import REFERENCE_FILE
from tasks.registry.trusted_types import TRUSTED_TYPES, refuse_untrusted_types
from tasks.tracking.client import connect


def load_model(uri: str, sha256: str) -> FittedCandidate:
    """Load a model that :func:`tasks.registry.store_model.log_model` stored, when its files are the recorded ones.

    Parameters
    ----------
    uri : str
        ``models:/m-...``, ``models:/<name>/<version>`` or a folder.
    sha256 : str
        Digest of its files; see :func:`tasks.registry.digests.model_sha256`. It is checked before a file is parsed.

    Returns
    -------
    FittedCandidate

    Raises
    ------
    EvenhandError
        When the model can't be fetched, has other files than the recorded ones, is not a skops file (a pickle is
        refused without being read), holds a type that is not in ``TRUSTED_TYPES``, as one of an older version may, or
        is not a ``FittedCandidate``.
    """
    return load_with_reference(uri, sha256)[0]


def load_with_reference(uri: str, sha256: str) -> tuple[FittedCandidate, bytes | None]:
    """Load a model as :func:`load_model`, with the file of its reference for monitoring; None where it has none."""
    with tempfile.TemporaryDirectory() as folder:
        model = fetch_model(uri, Path(folder), sha256)
        reference = model / REFERENCE_FILE
        return read_model(uri, model), reference.read_bytes() if reference.is_file() else None


def read_model(uri: str, folder: Path) -> FittedCandidate:
    """Read a model from its files, whose digest was checked; ``uri`` is for messages.

    Raises
    ------
    EvenhandError
        As :func:`load_model`.
    """
    file = _skops_file(uri, folder)
    try:
        return load_file(file)
    except EvenhandError as refusal:
        raise EvenhandError(f"{uri}: refused, {refusal}") from refusal
    except Exception as error:  # a damaged or hostile file may raise anything
        raise EvenhandError(f"{uri}: not a readable model: {type(error).__name__}: {error}") from error


def fetch_model(uri: str, target: Path, sha256: str) -> Path:
    """Fetch a model's files into a folder, and check that they are the recorded ones.

    Raises
    ------
    EvenhandError
        When they can't be fetched, or differ.
    """
    connect()
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    try:
        folder = Path(download_artifacts(artifact_uri=uri, dst_path=str(target)))
    except (MlflowException, OSError) as error:
        raise EvenhandError(f"{uri}: no model can be fetched there: {error!r}") from error
    check_digest(uri, folder, sha256)
    return folder


def check_digest(uri: str, folder: Path, sha256: str) -> None:
    """Check that the files of a model are the recorded ones.

    Raises
    ------
    EvenhandError
        When they differ.
    """
    found = model_sha256(folder)
    if found != sha256:
        raise EvenhandError(
            f"{uri}: refused, its files were changed after it was registered (digest {found[:16]}, recorded was "
            f"{sha256[:16]}). Put them back from a backup, or train again"
        )


def load_file(file: Path) -> FittedCandidate:
    """Load a skops file that this training has written, or that :func:`load_model` has checked.

    Raises
    ------
    EvenhandError
        When it holds a type that is not trusted, or is not a ``FittedCandidate``.
    """
    import skops.io

    refuse_untrusted_types(file)
    fitted = skops.io.load(file, trusted=list(TRUSTED_TYPES))
    if not isinstance(fitted, FittedCandidate):
        raise EvenhandError(f"it holds a {type(fitted).__name__}; a FittedCandidate is required")
    return fitted


def _skops_file(uri: str, model: Path) -> Path:
    """Return the model's file, after its description has shown that it is not a pickle."""
    try:
        flavor = yaml.safe_load((model / "MLmodel").read_text())["flavors"]["sklearn"]
        found, file = flavor["serialization_format"], model / flavor["pickled_model"]
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise EvenhandError(f"{uri}: no scikit-learn model can be fetched there: {error!r}") from error
    if found != "skops":
        raise EvenhandError(f"{uri}: refused, its format is {found!r}; allowed: skops")
    if file.resolve().parent != model.resolve():
        raise EvenhandError(f"{uri}: refused, its model file is outside its folder: {flavor['pickled_model']}")
    return file

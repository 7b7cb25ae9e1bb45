"""The champion's files on this machine, for a process that serves it: fetched, checked, and read without MLflow."""

from __future__ import annotations

import json
import shutil
import uuid
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from evenhand.errors import EvenhandError, StorageError
from evenhand.scoring.model import FittedCandidate
from tasks.registry.load_model import check_digest, fetch_model, read_model
from tasks.registry.model_versions import registry_errors
from tasks.scoring.choose_version import ChosenVersion

EXAMPLE = "input_example.json"


class StoredModel(NamedTuple):
    """A model that was read from checked files.

    Attributes
    ----------
    fitted : FittedCandidate
    inputs : dict of str to str
        Raw column to MLflow's type, from the model's signature.
    example : dict of str to cell
        The first row of the input example.
    """

    fitted: FittedCandidate
    inputs: dict[str, str]
    example: dict[str, Any]


def fetch_files(version: ChosenVersion, folder: Path) -> Path:
    """Fetch the files of a version into ``folder/<digest>``, unless they are there; the folder is whole or absent.

    Raises
    ------
    EvenhandError
        When they can't be fetched, or are not the registered ones.
    """
    target = folder / version.model_sha256
    uri = f"models:/{version.name}/{version.version}"
    if target.is_dir():
        return target
    partial = folder / f".{uuid.uuid4().hex}"
    try:
        partial.mkdir(parents=True)
        with registry_errors(f"loading {version.name} version {version.version}"):
            found = fetch_model(uri, partial, version.model_sha256)
        if found == partial:
            partial.replace(target)
        else:  # an artifact store that is a folder gives the files themselves
            shutil.copytree(found, partial / "copy")
            (partial / "copy").replace(target)
    except OSError as error:
        raise StorageError(f"{target} can't be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def read_files(folder: Path, title: str, sha256: str) -> StoredModel:
    """Read a fetched model; its digest is checked again, so that no byte is parsed that the ledger does not have.

    Parameters
    ----------
    folder : Path
    title : str
        Of the version, for messages.
    sha256 : str

    Raises
    ------
    EvenhandError
    """
    check_digest(title, folder, sha256)
    fitted = read_model(title, folder)
    try:
        described = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
        inputs = json.loads(described["signature"]["inputs"])
        example = json.loads((folder / EXAMPLE).read_text(encoding="utf-8"))
        first = dict(zip(example["columns"], example["data"][0], strict=True))
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise EvenhandError(f"{title}: its signature or input example can't be read: {error!r}") from None
    return StoredModel(fitted, {column["name"]: column["type"] for column in inputs}, first)

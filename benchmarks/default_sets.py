"""The data sets that default settings are compared on, and those of them that are kept back for the end."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets

from benchmarks.keel_sets import read_sets
from evenhand.data.split import class_labels
from evenhand.data.stratified_sample import stratified_rows
from evenhand.problem import FeatureSet
from tasks.data.ingest import ingest
from tasks.data.problems import load_problem
from tasks.storage.store import read_frame

KEEL = Path(__file__).with_name("default_settings.yaml")
LIBRARY = ("digits", "iris", "wine")  # of scikit-learn
MADE = {"mixed3": (3, 800, 1), "mixed6": (6, 2_500, 2)}  # classes, rows, seed
CRIME = {"homicides": "us_homicides_synthetic", "toronto": "toronto", "west-yorkshire": "west_yorkshire"}
FEWEST_OF_A_CLASS = 6
MADE_UP_ROWS = 60_000  # of the synthetic homicides, before the sample is drawn


@dataclass(frozen=True, eq=False)
class DataSet:
    """Rows, class names and columns of one parent."""

    name: str
    frame: pd.DataFrame
    labels: np.ndarray
    features: FeatureSet


def read_all(most_rows: int) -> Iterator[DataSet]:
    """Yield every set, at most ``most_rows`` rows of each, with the classes that then have six rows or more."""
    for keel in read_sets(KEEL):
        labels = np.array([f"c{name}" for name in keel.classes])[keel.y]
        yield _sampled(DataSet(parent_of(keel.name), keel.frame, labels, keel.features), most_rows)
    makers: dict[str, Callable[[str], DataSet]] = {
        **dict.fromkeys(LIBRARY, _of_library),
        **dict.fromkeys(MADE, _made),
        **dict.fromkeys(CRIME, _crime),
    }
    for name, make in makers.items():
        yield _sampled(make(name), most_rows)


def held_back(names: list[str]) -> set[str]:
    """Return every third parent in the order of the alphabet: nothing was chosen by looking at these.

    Examples
    --------
    >>> sorted(held_back(["c", "a", "b", "d"]))
    ['c']
    """
    return set(sorted(names)[2::3])


def parent_of(name: str) -> str:
    """Name the data that a set is cut from."""
    known = (
        "abalone",
        "car",
        "dermatology",
        "ecoli",
        "flare",
        "glass",
        "kr-vs-k",
        "new-thyroid",
        "page-blocks",
        "poker",
    )
    known += ("poker", "winequality", "yeast")
    return {"crx": "credit"}.get(name) or next((parent for parent in known if name.startswith(parent)), name)


def _sampled(data: DataSet, most_rows: int) -> DataSet:
    _, y = np.unique(data.labels, return_inverse=True)
    rows = np.sort(stratified_rows(y, most_rows, seed=0)) if len(y) > most_rows else np.arange(len(y))
    counts = np.bincount(y[rows], minlength=y.max() + 1)
    rows = rows[counts[y[rows]] >= FEWEST_OF_A_CLASS]
    return DataSet(data.name, data.frame.iloc[rows].reset_index(drop=True), data.labels[rows], data.features)


def _of_library(name: str) -> DataSet:
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True, as_frame=True)
    frame = X.set_axis([f"c{i}" for i in range(X.shape[1])], axis=1)
    return DataSet(name, frame, np.array([f"c{code}" for code in y]), FeatureSet(numeric=tuple(frame)))


def _made(name: str) -> DataSet:
    """Make rows of several classes with numbers, categories of 4 to 40 values, gaps, and columns without meaning."""
    n_classes, n_rows, seed = MADE[name]
    generator = np.random.default_rng(seed)
    shares = np.maximum(generator.dirichlet(np.ones(n_classes)), 0.02)
    y = generator.choice(n_classes, n_rows, p=shares / shares.sum())
    columns: dict[str, np.ndarray] = {
        f"n{i}": generator.normal(generator.normal(0, 0.7, n_classes)[y], 1) for i in range(4)
    }
    columns["n0"][generator.random(n_rows) < 0.1] = np.nan
    for i, n_values in enumerate((4, 8, 40)):
        tables = generator.dirichlet(np.full(n_values, 0.6), n_classes)
        columns[f"k{i}"] = np.array([f"v{generator.choice(n_values, p=tables[code])}" for code in y])
    columns["n4"], columns["k3"] = generator.normal(size=n_rows), generator.integers(0, 15, n_rows).astype(str)
    names = {kind: tuple(column for column in columns if column[0] == kind) for kind in "nk"}
    features = FeatureSet.model_validate({"numeric": names["n"], "categorical": names["k"]})
    return DataSet(name, pd.DataFrame(columns), np.array([f"c{code}" for code in y]), features)


def _crime(name: str) -> DataSet:
    problem = load_problem(CRIME[name])
    if problem.source.kind == "synthetic":
        source = problem.source.model_copy(update={"rows": MADE_UP_ROWS})
        problem = problem.model_copy(update={"source": source})
    frame = read_frame(ingest.fn(problem))
    labels = class_labels(frame[problem.target.column].astype("string"), problem.target)
    kept, columns = labels.notna(), list(problem.features["base"].columns)
    rows = frame.loc[kept, columns].reset_index(drop=True)
    return DataSet(name, rows, labels[kept].astype(str).to_numpy(), problem.features["base"])


def split_number(data: DataSet, repeat: int) -> int:
    """Return the seed of a repeat, another for every set."""
    return zlib.crc32(f"{data.name} {repeat}".encode()) % 10_000

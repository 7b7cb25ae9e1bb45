"""Sets of 150 to 5,000 rows without a change over time, and what cheap candidates predict for them.

A set is cut from a parent: a made-up population, a data set of scikit-learn, or one of KEEL's. Its rows are drawn again
for each split. About a third of the parents is kept for one evaluation at the end; methods are chosen on the others.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_classification
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from benchmarks.keel_sets import read_sets
from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.data.split import Fold, make_folds
from evenhand.data.stratified_parts import stratified_parts
from evenhand.metrics.predictions import Predictions
from evenhand.postprocess.choose_calibration import Shares, with_natural_proba
from evenhand.problem import (
    ModelSpec,
    MultipliersDecision,
    PriorPowerDecision,
    SimpleStrategy,
    StratifiedFolds,
)
from evenhand.scoring.model import full_probabilities
from evenhand.strategies import resample, resampling_record
from evenhand.training.candidates import Candidate

FOLDS, HELD_OUT, FRESH = 5, 0.3, 3_000
FEWEST = 4  # rows of a class in a fold's training rows for undersampling
NONE, WEIGHTS, UNDER, OVER = (
    SimpleStrategy(kind=kind) for kind in ("none", "class_weight", "random_under", "random_over")
)
MODELS = {  # milliseconds per fit: what is checked is the choice, not the models
    "logistic": (lambda: LogisticRegression(C=10.0, max_iter=200), (NONE, WEIGHTS, UNDER)),
    "logistic_strict": (lambda: LogisticRegression(C=0.05, max_iter=200), (NONE, WEIGHTS)),
    "discriminant": (lambda: LinearDiscriminantAnalysis(shrinkage="auto", solver="lsqr"), (NONE, UNDER)),
    "bayes": (lambda: GaussianNB(var_smoothing=1e-3), (NONE, WEIGHTS)),
    "neighbours_5": (lambda: KNeighborsClassifier(5), (NONE,)),
    "neighbours_15": (lambda: KNeighborsClassifier(15), (NONE, OVER)),
    "tree_3": (lambda: DecisionTreeClassifier(max_depth=3, min_samples_leaf=3, random_state=0), (NONE, WEIGHTS)),
    "tree_6": (lambda: DecisionTreeClassifier(max_depth=6, min_samples_leaf=5, random_state=0), (NONE, WEIGHTS, OVER)),
    "extra_trees": (
        lambda: ExtraTreesClassifier(25, min_samples_leaf=2, random_state=0),
        (NONE, WEIGHTS, UNDER),
    ),
}
RULED = ("logistic", "discriminant", "bayes", "tree_6", "extra_trees")
RULES = (MultipliersDecision(kind="multipliers"), PriorPowerDecision(kind="prior_power"))
FITS = tuple(
    Candidate(ModelSpec(kind="random_forest", label=name), strategy)
    for name, (_, strategies) in MODELS.items()
    for strategy in strategies
)
CANDIDATES = FITS + tuple(
    replace(fit, decision=rule) for fit in FITS if fit.model.name in RULED and fit.strategy == NONE for rule in RULES
)
POPULATIONS = {  # classes and shares, columns that matter, distance between classes, share of labels made wrong
    "made-up-1": ((0.9, 0.1), 5, 1.0, 0.02),
    "made-up-2": ((0.7, 0.3), 8, 0.7, 0.1),
    "made-up-3": ((0.5, 0.3, 0.2), 6, 0.8, 0.05),
    "made-up-4": ((0.6, 0.25, 0.1, 0.05), 8, 1.0, 0.02),
    "made-up-5": ((0.35, 0.3, 0.15, 0.1, 0.1), 10, 1.2, 0.0),
    "made-up-6": ((0.95, 0.05), 4, 1.5, 0.01),
    "made-up-7": ((0.4, 0.2, 0.2, 0.1, 0.06, 0.04), 10, 1.0, 0.05),
    "made-up-8": ((0.8, 0.15, 0.05), 5, 0.6, 0.1),
    "made-up-9": ((0.5, 0.5), 6, 0.4, 0.2),
}
SIZES = {150: 4, 300: 4, 700: 3, 2_000: 2, 5_000: 1}  # training and held-out rows together: splits


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of a set: those to train on, then the held-out ones, then fresh ones of the same population, if any."""

    parent: str
    name: str
    frame: pd.DataFrame
    y: np.ndarray
    classes: tuple[str, ...]
    train: int
    held_out: int
    seed: int

    @property
    def final(self) -> bool:
        """Whether the parent is kept for the evaluation at the end."""
        return zlib.crc32(self.parent.encode()) % 8 < 3


def splits() -> Iterator[Split]:
    """Yield every split of every set, the small ones first."""
    for rows, repeats in SIZES.items():
        for repeat in range(repeats):
            for number, parent in enumerate(POPULATIONS):
                yield _made_up(parent, rows, 1000 * number + 10 * rows + repeat)
            yield from _real(rows, repeat)


@cache
def _population(parent: str) -> tuple[np.ndarray, np.ndarray]:
    """Make the rows that all splits of a parent are drawn from: enough for new ones in each split."""
    shares, columns, distance, wrong = POPULATIONS[parent]
    x, y = make_classification(
        60_000,
        columns + 4,
        n_informative=columns,
        n_redundant=2,
        n_classes=len(shares),
        n_clusters_per_class=2,
        weights=list(shares),
        flip_y=wrong,
        class_sep=distance,
        random_state=zlib.crc32(parent.encode()) % 2**31,
    )
    return x, y


def _made_up(parent: str, rows: int, seed: int) -> Split:
    x, y = _population(parent)
    drawn = np.random.default_rng(seed).permutation(len(y))[: rows + FRESH]
    return _split(parent, f"{parent}-{rows}-{seed}", pd.DataFrame(x[drawn]), y[drawn], (rows, seed))


def _real(rows: int, repeat: int) -> Iterator[Split]:
    for name, load in (
        ("iris", load_iris),
        ("wine", load_wine),
        ("cancer", load_breast_cancer),
        ("digits", load_digits),
    ):
        x, y = load(return_X_y=True)
        yield from _drawn(name, name, pd.DataFrame(x), y, (rows, repeat))
    for data in read_sets():
        yield from _drawn(data.source, data.name, data.frame, data.y, (rows, repeat))


def _drawn(parent: str, name: str, frame: pd.DataFrame, y: np.ndarray, size: tuple[int, int]) -> Iterator[Split]:
    """Draw that number of rows, if there are as many; of large sets cut from a parent, not the small sizes."""
    rows, repeat = size
    larger = min((one for one in SIZES if one > rows), default=10**9)
    if len(y) < rows or (parent != name and len(y) >= larger and rows < 700):
        return
    seed = zlib.crc32(f"{name} {rows} {repeat}".encode())
    drawn = np.random.default_rng(seed).permutation(len(y))[:rows]
    if np.bincount(y[drawn], minlength=int(y.max()) + 1).min() < 2 * FOLDS:
        return
    yield _split(parent, f"{name}-{rows}-{repeat}", frame.iloc[drawn], y[drawn], (rows, seed))


def _split(parent: str, name: str, frame: pd.DataFrame, y: np.ndarray, size: tuple[int, int]) -> Split:
    rows, seed = size
    held = round(HELD_OUT * rows)
    order = np.random.default_rng(seed + 1).permutation(rows)
    share = [order[part] for part in stratified_parts(y[:rows][order], round(1 / HELD_OUT))]
    held_rows = share[0] if held > len(share[0]) else share[0][:held]
    train = np.setdiff1d(np.arange(rows), held_rows)
    order = np.concatenate([train, held_rows, np.arange(rows, len(y))])
    frame = frame.iloc[order].reset_index(drop=True).rename(columns=str)
    classes = tuple(str(code) for code in range(int(y.max()) + 1))
    return Split(parent, name, frame, y[order].astype(np.int64), classes, len(train), len(held_rows), seed)


def predicted(split: Split, folder: Path) -> dict[str, np.ndarray]:
    """Fit every candidate on each fold and on all training rows, or read what an earlier run has kept."""
    path = folder / f"{split.name}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".part.npz")
        np.savez_compressed(temporary, **_fitted(split))
        temporary.replace(path)
    with np.load(path, allow_pickle=False) as kept:
        return dict(kept)


def _fitted(split: Split) -> dict[str, np.ndarray]:
    seed, train = split.seed % 1000, np.arange(split.train)
    folds = make_folds(split.frame.iloc[train], split.y[train], StratifiedFolds(kind="stratified", n=FOLDS), seed)
    folds.append(Fold(HOLDOUT_FOLD, train, np.arange(split.train, len(split.y))))
    held = np.concatenate([fold.valid for fold in folds[:-1]])
    found = {
        "y": split.y[held],
        "folds": np.repeat(np.arange(FOLDS), [len(fold.valid) for fold in folds[:-1]]),
        "y_test": split.y[split.train :],
        "held_out": np.array(split.held_out),
    }
    rarest = min(int(np.bincount(split.y[fold.train], minlength=len(split.classes)).min()) for fold in folds)
    for candidate in FITS:
        if candidate.strategy == UNDER and rarest < FEWEST:
            continue
        done = [_unit(split, candidate, fold) for fold in folds]
        found[f"{candidate.fit_name}|oof"] = np.concatenate([proba for proba, _ in done[:-1]])
        found[f"{candidate.fit_name}|test"] = done[-1][0]
        found[f"{candidate.fit_name}|shares"] = np.array([[one.natural, one.trained] for _, one in done])
    return found


def _unit(split: Split, candidate: Candidate, fold: Fold) -> tuple[np.ndarray, Shares]:
    """Fit a candidate on a fold's training rows; return the other rows' probabilities and the class shares."""
    y, frame = split.y[fold.train], split.frame
    numeric = [column for column in frame if pd.api.types.is_numeric_dtype(frame[column])]
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = [(StandardScaler(), numeric), (one_hot, [column for column in frame if column not in numeric])]
    encode = make_column_transformer(*(pair for pair in columns if pair[1]))
    encoded = encode.fit_transform(frame.iloc[fold.train])
    rows = resample(candidate.strategy, encoded, y, split.classes, split.seed % 1000, encoded.shape[1])
    model = MODELS[candidate.model.name][0]()
    weights = {} if rows.weight is None else {"sample_weight": rows.weight}
    model.fit(rows.X, rows.y, **weights)
    proba = full_probabilities(model, encode.transform(frame.iloc[fold.valid]), len(split.classes))
    return proba, Shares.of(resampling_record(candidate.strategy, str(fold.number), y, rows, split.classes))


def out_of_fold(kept: dict[str, np.ndarray], fit: str) -> tuple[Predictions, list[Shares]]:
    """Return the out-of-fold predictions of a fit, and the class shares of its models, the last on all rows."""
    shares = [Shares(natural, trained) for natural, trained in kept[f"{fit}|shares"]]
    found = Predictions(kept["y"], kept[f"{fit}|oof"], folds=kept["folds"])
    return with_natural_proba(found, dict(enumerate(shares[:-1]))), shares

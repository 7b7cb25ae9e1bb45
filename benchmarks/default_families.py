"""Compare settings of the families, and combinations of them, by single fits.

``python -m benchmarks.default_families``: one stratified split of every development set of
``benchmarks.default_settings``. Each setting is fitted once on 65 % of the rows and scored on the others, argmax,
without resampling. ``a + b`` is the mean of their probabilities, ``weights a + b`` the mean with the weights of the
lowest log-loss, learned on half of the scored rows and applied to the other half, twice. Printed are mean ranks (1 is
best), mean values and the CPU seconds of all fits. Nothing here reads the sets kept back.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier, early_stopping
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.neural_network import MLPClassifier

from benchmarks.default_sets import DataSet, held_back, read_all
from benchmarks.default_settings import HELD_OUT, METRICS
from evenhand.features.encoder import build_encoder, n_categorical
from evenhand.metrics.scores import score
from evenhand.models import build_model
from evenhand.models.data_settings import data_settings
from evenhand.models.one_hot import OneHot
from evenhand.problem import ModelSpec
from evenhand.training.stacking import combined, fit_combiner

Make = Callable[[int, int], Any]
SLOW = {"subsample": 0.8, "subsample_freq": 1, "colsample_bytree": 0.8, "reg_lambda": 5.0}
EARLY = {"share": 0.15, "rounds": 1_000, "patience": 50}


class Early:
    """LightGBM whose rounds are chosen on a part of the training rows, and not fitted again on all of them."""

    def __init__(self, model: LGBMClassifier) -> None:
        self.model = clone(model).set_params(n_estimators=EARLY["rounds"])

    def fit(self, X: np.ndarray, y: np.ndarray) -> Early:
        """Boost until the log-loss of the part has not fallen for fifty rounds."""
        inner, part = train_test_split(np.arange(len(y)), test_size=EARLY["share"], stratify=y, random_state=0)
        stop = early_stopping(EARLY["patience"], verbose=False)
        self.model.fit(X[inner], y[inner], eval_set=[(X[part], y[part])], callbacks=[stop])
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities."""
        return np.asarray(self.model.predict_proba(X))


def of(kind: str, **params: Any) -> Make:
    """Make a family with settings, or with those that follow the rows where there are none."""

    def make(n_rows: int, n_categories: int) -> Any:
        spec = data_settings(ModelSpec(kind=kind, params=params), n_rows)  # type: ignore[arg-type]
        return build_model(spec, 0, n_rows, (), n_categories)

    return make


SETTINGS: dict[str, Make] = {
    "extra trees": of("extra_trees"),
    "extra trees, leaf 2": of("extra_trees", max_features=0.5, min_samples_leaf=2, bootstrap=False),
    "extra trees, sqrt": of("extra_trees", max_features="sqrt", min_samples_leaf=1, bootstrap=False),
    "random forest": of("random_forest"),
    "random forest, economical": of("random_forest", n_estimators=50),
    "random forest, 300 trees": of("random_forest", n_estimators=300, max_samples=None, max_features="sqrt"),
    "lightgbm": of("lightgbm"),
    "lightgbm, 100 at 0.1": of("lightgbm", n_estimators=100),
    "lightgbm, 300 at 0.03": of("lightgbm", n_estimators=300, learning_rate=0.03, **SLOW),
    "lightgbm, early stopping": lambda n, k: Early(of("lightgbm")(n, k)),
    "gradient boosting": of("gradient_boosting"),
    "gradient boosting, 100 at 0.1": of("gradient_boosting", max_iter=100),
    "regression": of("logistic_regression"),
    "perceptron": lambda n, k: OneHot(MLPClassifier((64,), alpha=0.1, max_iter=100, random_state=0), k, True),
}  # fmt: skip
TRIO = "extra trees + lightgbm + regression"
COMBINATIONS = (
    TRIO,
    f"weights {TRIO}",
    f"weights {TRIO} + random forest",
    f"{TRIO} + perceptron",
    "random forest + gradient boosting + lightgbm",
    "weights random forest + gradient boosting + lightgbm",
    "random forest, economical + gradient boosting, 100 at 0.1 + lightgbm, 100 at 0.1",
)


def main() -> None:
    """Fit, score and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000, help="rows of a set, at most")
    parser.add_argument("--only", nargs="*", help="names of sets")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    sets = {data.name: data for data in read_all(asked.rows)}
    names = [name for name in sorted(set(sets) - held_back(list(sets))) if name in (asked.only or sets)]
    ranks, values, seconds = [], [], np.zeros(len(SETTINGS) + len(COMBINATIONS))
    for name in names:
        found, cpu = scores(sets[name])
        signs = np.array([-1, -1, 1, 1])
        ranks.append(rankdata((signs * found).round(5), axis=0))
        values.append(found)
        seconds[: len(cpu)] += cpu
        print(f"{name}: {found[:, 0].max():.3f}", flush=True)
    table = pd.DataFrame(np.mean(ranks, axis=0).round(2), [*SETTINGS, *COMBINATIONS], [f"{m} rank" for m in METRICS])
    table[list(METRICS)] = np.mean(values, axis=0).round(4)
    print(table.assign(cpu=seconds.round(1)).sort_values("log_loss rank").to_string())


def scores(data: DataSet) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores of all settings and combinations on one set, and the CPU seconds of the settings."""
    classes, y = np.unique(data.labels, return_inverse=True)
    rows, held_out = train_test_split(np.arange(len(y)), test_size=HELD_OUT, stratify=y, random_state=0)
    encoder = build_encoder(data.features)
    X, new = (
        encoder.fit_transform(data.frame.iloc[rows], data.labels[rows]),
        encoder.transform(data.frame.iloc[held_out]),
    )
    proba, seconds = {}, []
    for name, make in SETTINGS.items():
        started = time.process_time()
        proba[name] = make(len(rows), n_categorical(data.features)).fit(X, y[rows]).predict_proba(new)
        seconds.append(time.process_time() - started)
    truth = y[held_out]
    for name in COMBINATIONS:
        members = [proba[member] for member in name.removeprefix("weights ").split(" + ")]
        proba[name] = _weighted(members, truth) if name.startswith("weights ") else np.mean(members, axis=0)
    found = [score(truth, one, list(classes)).metrics for one in proba.values()]
    return np.array([[values[metric] for metric in METRICS] for values in found]), np.array(seconds)


def _weighted(members: list[np.ndarray], y: np.ndarray) -> np.ndarray:
    proba = np.zeros(members[0].shape)
    for known, new in StratifiedKFold(2, shuffle=True, random_state=0).split(y, y):
        combiner = fit_combiner("weights", [one[known] for one in members], y[known])
        proba[new] = combined(combiner, [one[new] for one in members])
    return proba


if __name__ == "__main__":
    main()

"""The plain script that the standard grid is compared with: imbalanced-learn pipelines and scikit-learn alone.

``python -m benchmarks.plain_script --train train.parquet --holdout holdout.parquet``: what a careful user would write
for Toronto, with the settings of problems/toronto.yaml: the same base columns, 18 candidates, folds, seeds and cap
(other columns are options).
Every candidate is predicted out of fold in two processes, refitted on all training rows and scored on the held-out
period. Probabilities are predicted once, not once per metric as ``cross_validate`` would, which favours the script.
It prints one line of JSON per candidate, and shares no code with the project.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections import Counter
from functools import partial

import numpy as np
import pandas as pd
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import Pipeline
from imblearn.under_sampling import RandomUnderSampler
from lightgbm import LGBMClassifier
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.metrics import average_precision_score, f1_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.preprocessing import OrdinalEncoder, label_binarize

TARGET, WHEN = "MCI", "occurrencedate"
CATEGORICAL = ["premises_type", "Neighbourhood"]
NUMERIC = ["occurrencehour", "occurrenceday", "occurrencedayofyear", "Pub_Id", "Park_Id", "PS_Id", "Lat", "Long"]
STRATEGIES = ("none", "class_weight", "random_over", "random_under", "smote", "capped")
MODELS = ("random_forest", "gradient_boosting", "lightgbm")


def columns(rows: pd.DataFrame, asked: argparse.Namespace) -> pd.DataFrame:
    """Pick the base columns."""
    when = pd.to_datetime(rows[asked.when])
    parts = {"year": when.dt.year, "month": when.dt.month, "dayofweek": when.dt.dayofweek}
    return rows[asked.categorical + asked.numeric].assign(**parts)


def capped(y: np.ndarray, cap: int) -> dict[int, int]:
    """Keep at most ``cap`` rows of each class."""
    return {label: min(count, cap) for label, count in Counter(y.tolist()).items()}


def sampler(strategy: str, cap: int, seed: int) -> object:
    """Make the resampler of a strategy."""
    return {
        "random_over": RandomOverSampler(random_state=seed),
        "random_under": RandomUnderSampler(random_state=seed),
        "smote": SMOTE(random_state=seed),
        "capped": RandomUnderSampler(sampling_strategy=partial(capped, cap=cap), random_state=seed),
    }.get(strategy, "passthrough")


def classifier(model: str, strategy: str, seed: int) -> object:
    """Make the classifier, with one thread: the folds run in parallel."""
    weight = "balanced" if strategy == "class_weight" else None
    if model == "random_forest":
        return RandomForestClassifier(n_estimators=100, class_weight=weight, random_state=seed)
    if model == "gradient_boosting":
        return HistGradientBoostingClassifier(
            max_iter=100, early_stopping=False, class_weight=weight, random_state=seed
        )
    return LGBMClassifier(n_estimators=100, class_weight=weight, random_state=seed, verbose=-1, n_jobs=1)


def pipeline(model: str, strategy: str, asked: argparse.Namespace) -> Pipeline:
    """Chain encoder, resampler and classifier."""
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return Pipeline(
        [
            ("encode", ColumnTransformer([("categories", codes, asked.categorical)], remainder="passthrough")),
            ("resample", sampler(strategy, asked.cap, asked.seed)),
            ("classify", classifier(model, strategy, asked.seed)),
        ]
    )


def judged(y: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Macro-F1 of the most probable class, and macro average precision."""
    n_classes = probabilities.shape[1]
    truth = label_binarize(y, classes=range(n_classes))
    return {
        "macro_f1": f1_score(y, probabilities.argmax(axis=1), average="macro"),
        "average_precision": average_precision_score(truth, probabilities, average="macro"),
    }


def main() -> None:
    """Run the grid and print one line per candidate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", required=True)
    parser.add_argument("--holdout", required=True)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--cap", type=int, default=20_000)
    parser.add_argument("--target", default=TARGET)
    parser.add_argument("--when", default=WHEN, help="the time, whose year, month and weekday are columns")
    parser.add_argument("--categorical", nargs="*", default=CATEGORICAL)
    parser.add_argument("--numeric", nargs="*", default=NUMERIC)
    asked = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)
    train, holdout = pd.read_parquet(asked.train), pd.read_parquet(asked.holdout)
    names, y = np.unique(train[asked.target].to_numpy(dtype=object), return_inverse=True)
    held_out_y = np.searchsorted(names, holdout[asked.target].to_numpy(dtype=object))
    X, held_out = columns(train, asked), columns(holdout, asked)
    folds = StratifiedKFold(asked.folds, shuffle=True, random_state=asked.seed)
    for strategy in STRATEGIES:
        for model in MODELS:
            made = pipeline(model, strategy, asked)
            out_of_fold = cross_val_predict(made, X, y, cv=folds, n_jobs=2, method="predict_proba")
            whole = made.fit(X, y)
            line = {
                "candidate": f"{model} / {strategy}",
                "oof": judged(y, out_of_fold),
                "test": judged(held_out_y, whole.predict_proba(held_out)),
            }
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()

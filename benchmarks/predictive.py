"""What single columns know of the class, on data without a leak: ``python -m benchmarks.predictive``.

A training stops where a column alone gives the class (``evenhand.training.predictive_columns``). On these sets, the
KEEL sets, those that scikit-learn ships and the problems named on the command line, no column should stop one.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine

from benchmarks.keel_sets import read_sets
from evenhand.data.schema import column_types, parse_columns
from evenhand.data.split import class_labels, holdout_mask
from evenhand.problem import FeatureSet, Problem, parse_problem
from evenhand.training.predictive_columns import score_columns
from tasks.data.problems import load_problem
from tasks.data.sources.fetch import fetch
from tasks.settings import settings

SHIPPED = ("toronto", "west_yorkshire", "us_homicides_synthetic")


def main() -> None:
    """Print a line for each set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", nargs="*", default=SHIPPED, help="names in problems/")
    asked = parser.parse_args()
    stopped = []
    for name, problem, frame, y in _sets(asked.problems):
        scores = score_columns(problem, frame, y, seed=42)
        best = max(scores.alone, key=lambda column: scores.alone[column])
        others = "" if scores.others is None else f", the others together {scores.others:.3f}"
        print(f"{name:32} {best:24} {scores.alone[best]:.3f}{others} {'STOPPED' if scores.suspected else ''}")
        stopped += [name] if scores.suspected else []
    print(f"stopped: {', '.join(stopped) or 'none'}")


def _sets(names: list[str]) -> Iterator[tuple[str, Problem, pd.DataFrame, np.ndarray]]:
    for name in names:
        problem = load_problem(name)
        raw = fetch(problem.source, settings().cache).frame
        rows, _ = parse_columns(raw[list(problem.columns)], column_types(problem))
        labels = class_labels(rows[problem.target.column], problem.target)
        train = ~holdout_mask(rows, problem.split.holdout) & labels.notna().to_numpy()
        yield name, problem, rows[train], pd.factorize(labels[train], sort=True)[0]
    for load in (load_iris, load_wine, load_breast_cancer, load_digits):
        data = load(as_frame=True)
        numbers = FeatureSet(numeric=tuple(data.data.columns))
        yield load.__name__, _problem(numbers), data.data, data.target.to_numpy()
    for keel in read_sets():
        yield keel.name, _problem(keel.features), keel.frame, keel.y


def _problem(features: FeatureSet) -> Problem:
    plain = {
        "name": "bench",
        "title": "bench",
        "source": {"kind": "csv", "path": "none.csv"},
        "target": {"column": "the class"},
        "features": {"base": features.model_dump(mode="json")},
        "split": {"holdout": {"column": "when", "start": 1}},
        "strategies": ["none"],
    }
    return parse_problem(plain, "bench")


if __name__ == "__main__":
    main()

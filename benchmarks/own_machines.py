"""What our own machines save against the plain way: ``python -m benchmarks.own_machines forest|counts|smotenc``.

Each side runs in a process of its own on one thread, the sides in turn, several rounds; the table shows medians of CPU
seconds and of the peak memory above what the process held before. The verdicts are in
docs/decisions/0004-own-machines.md.

- ``forest``: a random forest that keeps its trees, and one that predicts the scored rows while it grows; a fold of
  Toronto (168,391 rows, 5 classes) and half of 960,000 synthetic homicides (15 classes).
- ``counts``: boosting on copies of ``random_over``, and on each row once with its count as weight; a fold of Toronto.
- ``smotenc``: imbalanced-learn's SMOTENC and ours on samples of a fold of Toronto.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from imblearn.over_sampling import SMOTENC
from sklearn.base import ClassifierMixin

from benchmarks.families import load_experiment
from evenhand.data.split import rows_at
from evenhand.data.stratified_sample import largest_remainder_rows
from evenhand.features.encoder import build_encoder, n_categorical
from evenhand.metrics.scores import score
from evenhand.models.build import build_model
from evenhand.models.fit_rows import fit_rows
from evenhand.models.forest import predict_only
from evenhand.problem import FeatureSet, ModelSpec, SimpleStrategy, SmoteStrategy
from evenhand.scoring.model import full_probabilities
from evenhand.strategies.neighbour_search import space
from evenhand.strategies.resample import resample
from evenhand.strategies.training_rows import TrainingRows
from tasks.data.problems import load_problem
from tasks.data.sources.synthetic.us_homicides import us_homicides

SEED = 42
HOMICIDES = 960_000
SIZES = (20_000, 40_000, 100_000)
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
Figures = dict[str, float]


def toronto(folder: Path) -> None:
    """Encode the first fold of Toronto and write it as arrays."""
    problem, experiment = load_problem("toronto"), load_experiment("toronto")
    fold, features = experiment.folds[0], experiment.features["base"]
    columns, encoder = list(features.columns), build_encoder(features)
    names = np.asarray(experiment.classes, dtype=object)[experiment.y]
    X = encoder.fit_transform(rows_at(experiment.frame[columns], fold.train), names[fold.train])
    scored = encoder.transform(rows_at(experiment.frame[columns], fold.valid))
    write(
        folder,
        problem.features["base"],
        experiment.classes,
        (X, experiment.y[fold.train]),
        (scored, experiment.y[fold.valid]),
    )


def homicides(folder: Path) -> None:
    """Encode one of two folds of the synthetic homicides before 2013 and write it as arrays."""
    problem = load_problem("us_homicides_synthetic")
    frame = us_homicides(HOMICIDES, SEED)
    frame = frame[(frame["Weapon"] != "Unknown") & (frame["Year"].astype(int) < 2013)].reset_index(drop=True)
    names, y = np.unique(frame["Weapon"].to_numpy(dtype=object), return_inverse=True)
    order = np.random.default_rng(SEED).permutation(len(frame))
    train, valid = np.sort(order[: len(frame) // 2]), np.sort(order[len(frame) // 2 :])
    features = problem.features["base"]
    columns, encoder = list(features.columns), build_encoder(features)
    X = encoder.fit_transform(frame[columns].iloc[train], names[y[train]])
    scored = encoder.transform(frame[columns].iloc[valid])
    write(folder, features, list(names), (X, y[train]), (scored, y[valid]))


def write(
    folder: Path,
    features: FeatureSet,
    classes: list[str],
    fitted: tuple[np.ndarray, np.ndarray],
    scored: tuple[np.ndarray, np.ndarray],
) -> None:
    """Write the rows that are fitted and those that are scored, which every process maps."""
    folder.mkdir()
    for name, part in zip(("X", "y", "scored_X", "scored_y"), (*fitted, *scored), strict=True):
        np.save(folder / f"{name}.npy", part)
    (folder / "about.json").write_text(json.dumps({"classes": classes, "n_categorical": n_categorical(features)}))


class MeasuredRows:
    """Rows that were written to files."""

    def __init__(self, folder: Path) -> None:
        about = json.loads((folder / "about.json").read_text())
        self.classes, self.n_categorical = about["classes"], about["n_categorical"]
        self.X, self.y, self.scored_X, self.scored_y = (
            np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("X", "y", "scored_X", "scored_y")
        )


def fit_forest(rows: MeasuredRows, drop_trees: bool) -> Callable[[], Figures]:
    """Return what fits and scores a forest."""
    model = build_model(ModelSpec(kind="random_forest"), SEED, len(rows.y))
    model = predict_only(model, rows.scored_X) if drop_trees else model
    return lambda: scored(rows, model.fit(rows.X, rows.y))


def fit_boosting(rows: MeasuredRows, kind: str, counts: bool) -> Callable[[], Figures]:
    """Return what fits and scores boosting on oversampled rows."""
    made = resample(SimpleStrategy(kind="random_over"), np.asarray(rows.X), np.asarray(rows.y), rows.classes, SEED)
    model = build_model(ModelSpec(kind=kind), SEED, len(made.y))
    copies = TrainingRows(made.X, made.y, np.arange(len(made.y)))
    return lambda: scored(rows, fit_rows(model, made if counts else copies))


def smotenc(rows: MeasuredRows, size: int, own: bool) -> Callable[[], Figures]:
    """Return what grows a sample of the rows."""
    chosen = largest_remainder_rows(np.asarray(rows.y), size, SEED)
    X, y = rows.X[chosen], rows.y[chosen]
    if own:
        strategy = SmoteStrategy(kind="smotenc", standardise=True)
        return lambda: {"rows": len(resample(strategy, X, y, rows.classes, SEED, rows.n_categorical).y)}
    points = space(X, True, rows.n_categorical).points
    sampler = SMOTENC(list(range(rows.n_categorical)), random_state=SEED)
    return lambda: {"rows": len(sampler.fit_resample(points, y)[1])}


def scored(rows: MeasuredRows, model: ClassifierMixin) -> Figures:
    """Score a fitted model."""
    probabilities = full_probabilities(model, rows.scored_X, len(rows.classes))
    metrics = score(np.asarray(rows.scored_y), probabilities, rows.classes).metrics
    return {name: metrics[name] for name in ("macro_f1", "average_precision")}


def sides(part: str) -> Iterator[tuple[str, str, str, Callable[[MeasuredRows], Callable[[], Figures]]]]:
    """Yield, for each comparison of a part: its rows, its name, the side's name and what makes its work."""
    if part == "forest":
        for name in ("toronto", "homicides"):
            yield name, f"forest, {name}", "keeps its trees", lambda rows: fit_forest(rows, False)
            yield name, f"forest, {name}", "predicts while it grows", lambda rows: fit_forest(rows, True)
    elif part == "counts":
        for kind in ("gradient_boosting", "lightgbm"):
            yield "toronto", kind, "copies", lambda rows, kind=kind: fit_boosting(rows, kind, False)
            yield "toronto", kind, "counts", lambda rows, kind=kind: fit_boosting(rows, kind, True)
    else:
        for size in SIZES:
            yield "toronto", f"{size:,} rows", "imbalanced-learn", lambda rows, n=size: smotenc(rows, n, False)
            yield "toronto", f"{size:,} rows", "own", lambda rows, n=size: smotenc(rows, n, True)


def measure(work: Callable[[], Figures]) -> Figures:
    """Measure CPU seconds and peak memory of some work; Linux only."""
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # peak memory from here on
    begun = time.process_time()
    found = work()
    return {"CPU s": time.process_time() - begun, "peak MB": memory("VmHWM") - before, **found}


def memory(name: str) -> float:
    """Return a figure of this process in MB: ``VmHWM`` is its peak, ``VmRSS`` what it holds."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith(f"{name}:")) / 1024


def main() -> None:
    """Print a markdown table, a line for each side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["forest", "counts", "smotenc"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", nargs=2, metavar=("FOLDER", "NUMBER"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    every = list(sides(asked.part))
    if asked.one:
        *_, make = every[int(asked.one[1])]
        print(json.dumps(measure(make(MeasuredRows(Path(asked.one[0]))))))
        return
    with tempfile.TemporaryDirectory() as kept:
        for name in dict.fromkeys(rows for rows, *_ in every):
            {"toronto": toronto, "homicides": homicides}[name](Path(kept) / name)
        found: dict[int, list[Figures]] = {number: [] for number in range(len(every))}
        for _ in range(asked.rounds):
            for number, (name, *_) in enumerate(every):
                found[number].append(run_one(asked.part, Path(kept) / name, number))
    for number, (_, title, side, _) in enumerate(every):
        medians = {key: float(np.median([run[key] for run in found[number]])) for key in found[number][0]}
        print(f"| {title} | {side} | " + " | ".join(f"{key} {value:,.4g}" for key, value in medians.items()) + " |")


def run_one(part: str, folder: Path, number: int) -> Figures:
    """Run one side in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.own_machines", part, "--one", str(folder), str(number)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **ONE_THREAD})
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()

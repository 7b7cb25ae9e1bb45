"""Compare the settings that a training proposes with a plain script: ``python -m benchmarks.default_settings``.

Each set is split once or several times, stratified, into training rows and a third of held-out rows. A plain script
(scikit-learn, imbalanced-learn: 18 candidates, five folds, the best macro-F1) and trainings with several problem files
see the same rows. Printed are mean ranks over the development sets; with ``--held-back`` over the sets kept back, which
is for one evaluation at the end. Results are kept below ``<home>/bench/defaults``, so a stopped run goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable, Mapping
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from imblearn.pipeline import Pipeline
from scipy.stats import rankdata
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from benchmarks.default_sets import DataSet, held_back, read_all, split_number
from benchmarks.plain_script import MODELS, STRATEGIES, classifier, sampler
from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.features.encoder import build_encoder
from evenhand.metrics.scores import score
from evenhand.problem import Problem, parse_problem
from evenhand.training.candidates import fits
from evenhand.training.presets import preset_candidates, preset_stacking
from tasks.data.split import split
from tasks.settings import settings
from tasks.storage.files import write_json
from tasks.storage.store import write_frame
from tasks.training.context import TrainingContext
from tasks.training.evaluate import evaluate_all, score_all
from tasks.training.grid import suited_grid
from tasks.training.stack import choose_winner, stack, stack_holdout
from tasks.training.units import run_unit

METRICS = ("macro_f1", "average_precision", "log_loss", "ece")
HELD_OUT = 0.35
CAP, SEED, FOLDS = 20_000, 0, 5
# The settings of all families before they followed the data, and the strategies that the plain script has.
FIXED = [
    {"kind": "random_forest", "params": {"n_estimators": 50, "max_samples": 80_000, "max_features": 0.5}},
    {"kind": "gradient_boosting", "params": {"max_iter": 100}},
    {"kind": "lightgbm", "params": {"n_estimators": 100}},
]
SIX = ["none", "class_weight", "random_over", "random_under", "smote", {"kind": "capped", "cap": CAP}]
PROBLEMS: dict[str, dict[str, Any]] = {
    "fixed settings": {"models": FIXED, "strategies": SIX, "stacking": "none", "decisions": ["argmax"]},
    "three families": {"models": list(MODELS), "strategies": SIX},
    "minimal": {},
}
Scored = dict[str, float]


def main() -> None:
    """Score what no earlier run has kept, and print mean ranks and CPU seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000, help="rows of a set, at most")
    parser.add_argument("--splits", type=int, default=1)
    parser.add_argument("--only", nargs="*", help="names of sets")
    parser.add_argument("--systems", nargs="*", default=["plain script", *PROBLEMS])
    parser.add_argument("--held-back", action="store_true", help="the sets that are kept back, in place of the others")
    parser.add_argument("--jobs", type=int, default=1)
    asked = parser.parse_args()
    sets = {data.name: data for data in read_all(asked.rows)}
    back = held_back(list(sets))
    wanted = [name for name in sorted(sets) if (name in back) == asked.held_back and name in (asked.only or sets)]
    kept = settings().home / "bench" / "defaults"
    todo = [
        (sets[name], repeat, one, kept) for repeat in range(asked.splits) for name in wanted for one in asked.systems
    ]
    with Pool(asked.jobs) as pool:
        scored = pool.starmap(kept_or_scored, todo, chunksize=1)
    found = pd.DataFrame([
        {"set": data.name, "repeat": repeat, "system": one, **values}
        for (data, repeat, one, _), values in zip(todo, scored, strict=True)
    ])  # fmt: skip
    print(table(found).to_string())


def table(found: pd.DataFrame) -> pd.DataFrame:
    """Return mean ranks (1 is best, averaged within a parent), mean values and CPU seconds of each system."""
    rows = found.set_index(["set", "repeat", "system"])
    columns: dict[str, Any] = {}
    for metric in METRICS:
        values = rows[metric].unstack("system").round(5)
        sign = 1.0 if metric in {"log_loss", "ece"} else -1.0
        ranks = pd.DataFrame(rankdata(sign * values, axis=1), values.index, values.columns)
        columns[f"{metric} rank"] = ranks.groupby("set").mean().mean().round(2)
        columns[metric] = values.groupby("set").mean().mean().round(4)
    columns["CPU s"] = rows["cpu"].unstack("system").sum().round(1)
    made = pd.DataFrame(columns)
    made["sets"] = found["set"].nunique()
    return made.sort_values("macro_f1 rank")


def kept_or_scored(data: DataSet, repeat: int, system: str, kept: Path) -> Scored:
    """Return the held-out scores and the CPU seconds of a system on one split of a set."""
    path = kept / f"{data.name}-{len(data.labels)}-{repeat}-{system.replace(' ', '_')}.json"
    if path.exists():
        return dict(json.loads(path.read_text(encoding="utf-8")))
    warnings.filterwarnings("ignore")
    order = np.random.default_rng(split_number(data, repeat)).permutation(len(data.labels))
    part = np.zeros(len(order), dtype=int)
    for label in np.unique(data.labels):
        rows = order[data.labels[order] == label]
        part[rows[: max(2, round(HELD_OUT * len(rows)))]] = 1
    run: Callable[[DataSet, np.ndarray, str], Scored] = plain_script if system == "plain script" else training
    started = time.process_time()
    found = run(data, part, system)
    found["cpu"] = time.process_time() - started
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, found)
    print(f"{data.name:15s} {repeat} {system:15s} {found['macro_f1']:.3f} {found['cpu']:.1f} s", flush=True)
    return found


def plain_script(data: DataSet, part: np.ndarray, _: str) -> Scored:
    """Do what a careful user writes with scikit-learn and imbalanced-learn alone."""
    classes, y = np.unique(data.labels, return_inverse=True)
    train, held_out = data.frame[part == 0], data.frame[part == 1]
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    best, chosen = -1.0, np.empty(0)
    for strategy in STRATEGIES:
        for model in MODELS:
            steps = [*build_encoder(data.features).steps, ("resample", sampler(strategy, CAP, SEED))]
            made = Pipeline([*steps, ("classify", classifier(model, strategy, SEED))])
            try:
                proba = cross_val_predict(made, train, y[part == 0], cv=folds, method="predict_proba")
                after = made.fit(train, y[part == 0]).predict_proba(held_out)
            except ValueError:  # SMOTE: missing values, or a class of fewer rows than neighbours
                continue
            found = score(y[part == 0], proba, list(classes)).metrics["macro_f1"]
            if found > best:
                best, chosen = found, after
    return _metrics(score(y[part == 1], chosen, list(classes)).metrics)


def training(data: DataSet, part: np.ndarray, system: str) -> Scored:
    """Train as `make train` does, without its race: every fit on all folds and on all training rows."""
    problem = _problem(data, system)
    frame = data.frame.assign(outcome_class=data.labels, held_out_part=part)
    folder = settings().home / "bench" / "units" / f"{os.getpid()}-{data.name}-{system.replace(' ', '-')}"
    parts = split.fn(write_frame(frame, "bench/{sha256}.parquet"), problem)
    context = TrainingContext(parts, problem, SEED, folder)
    grid, _ = suited_grid(context, preset_candidates(problem, "standard"))
    units = {one.fit_name: [run_unit(context, one, fold) for fold in context.fold_numbers] for one in fits(grid)}
    scored = evaluate_all.fn(context, grid, units)
    stacking = preset_stacking(problem, "standard")
    stacked = stack.fn(context, stacking, scored) if stacking else None
    results = [*scored, *(stacked.results if stacked else ())]
    winner, _, _ = choose_winner(context, results, stacked)
    last = {one.fit_name: [run_unit(context, one, HOLDOUT_FOLD)] for one in fits(grid)}
    if stacked is not None:
        last[stacked.candidate.fit_name] = [stack_holdout(context, stacked, last)]
    won = score_all.fn(context, [result for result in results if result.candidate == winner], last)[0]
    assert won.test is not None and won.shipped is not None and won.shipped.test is not None  # noqa: S101, PT018
    shipped = won.shipped.test.metrics
    return {**_metrics(shipped), "macro_f1": won.test.metrics["macro_f1"]}


def _problem(data: DataSet, system: str) -> Problem:
    features = data.features.model_dump(mode="json", exclude_defaults=True)
    raw = {
        "name": data.name.replace("-", "_"),
        "title": data.name,
        "source": {"kind": "csv", "path": "rows.csv"},
        "target": {"column": "outcome_class"},
        "features": {"base": features},
        "split": {"holdout": {"column": "held_out_part", "start": 1}, "folds": {"kind": "stratified", "n": FOLDS}},
        **PROBLEMS[system],
    }
    return parse_problem(raw, "benchmark.yaml")


def _metrics(found: Mapping[str, float]) -> Scored:
    return {name: float(found[name]) for name in METRICS}


if __name__ == "__main__":
    main()

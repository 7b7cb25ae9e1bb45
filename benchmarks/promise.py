"""Does the expected score agree with held-out rows, and what does the choice lose: ``make bench-promise``.

Each split of each set of ``promise_sets`` is trained as a training is: calibrations and decision rules fitted out of
fold, the winner chosen among some thirty candidates, its expected score computed. Then it is scored on its held-out
rows, and on thousands of fresh ones where the population is made up. Splits are kept below ``<home>/bench/promise``: a
run that was stopped goes on where it was. Means are over parents; about a third of them is kept for one evaluation.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from benchmarks.promise_sets import CANDIDATES, FITS, Split, out_of_fold, predicted, splits
from evenhand.evidence.baselines import simplicity
from evenhand.evidence.evaluation_rows import EvaluationRows
from evenhand.evidence.measure import MeasuredCandidate
from evenhand.metrics.confusion_metrics import CONFUSION_METRICS
from evenhand.postprocess.choose_calibration import CrossFittedCalibration, Shares, cross_fit_calibration
from evenhand.postprocess.postprocessing import cross_decided, fit_postprocessing
from evenhand.problem import ARGMAX
from evenhand.selection.choice import choose
from evenhand.selection.left_out import divisions
from evenhand.training.candidates import Candidate, compared_candidate
from tasks.settings import settings
from tasks.storage.files import write_json

METHODS, METRIC = ("none", "prior", "temperature"), "macro_f1"
SIZES = ((0, 110), (110, 220), (220, 500), (500, 5_000))  # training rows, for the lines of the table
Line = dict[str, Any]


def main() -> int:
    """Evaluate what no earlier run has kept, and print the tables; exit code 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--final", action="store_true", help="the parents that are kept for the end, not the others")
    parser.add_argument("--most", type=int, help="splits to evaluate; all of them if not given")
    parser.add_argument("--fresh", action="store_true", help="delete what earlier runs kept first")
    asked = parser.parse_args()
    folder = settings().home / "bench" / "promise"
    if asked.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    # In an order of no meaning, so that a part of the splits shows what all of them would.
    wanted = sorted((one for one in splits() if one.final == asked.final), key=lambda one: crc32(one.name.encode()))
    wanted = wanted[: asked.most]
    lines, started = [], time.monotonic()
    for done, split in enumerate(wanted, start=1):
        lines.append(line_of(split, folder))
        left = (time.monotonic() - started) / done * (len(wanted) - done)
        print(f"{done:3d}/{len(wanted)}  {split.name:32s} {split.train:5,} rows  about {left:.0f} s left", flush=True)
    text, met = tables(lines)
    print("\n" + text)
    write_json(folder / f"{'final' if asked.final else 'chosen_on'}.json", lines)
    return 0 if met else 1


def line_of(split: Split, folder: Path) -> Line:
    """Evaluate a split, or read what an earlier run has kept."""
    path = folder / f"{split.name}.json"
    if not path.exists():
        write_json(path, {"parent": split.parent, "rows": split.train, **evaluated(predicted(split, folder))})
    found: Line = json.loads(path.read_text(encoding="utf-8"))
    return found


def evaluated(kept: dict[str, np.ndarray]) -> Line:
    """Choose a candidate, and compare what is expected of it with what it scores."""
    y_test, held_out, classes = kept["y_test"], int(kept["held_out"]), tuple(map(str, range(int(kept["y"].max()) + 1)))
    known = {fit.fit_name: out_of_fold(kept, fit.fit_name) for fit in FITS if f"{fit.fit_name}|oof" in kept}
    # The most probable class is that of the raw probabilities, so that only other rules need a calibration.
    ruled = {one.fit_name for one in CANDIDATES if one.decision != ARGMAX}
    calibrations = {
        name: cross_fit_calibration(METHODS if name in ruled else METHODS[:1], predictions)
        for name, (predictions, _) in known.items()
    }
    codes, test = {}, {}
    for one in (candidate for candidate in CANDIDATES if candidate.fit_name in known):
        decided = _decided(one, known[one.fit_name], calibrations[one.fit_name], kept[f"{one.fit_name}|test"])
        codes[one.name], test[one.name] = decided
    order = sorted(codes, key=lambda name: simplicity(compared_candidate(_named(name))))
    rows = EvaluationRows(kept["y"], classes)
    answers = {name: MeasuredCandidate(codes[name], {}) for name in order}
    choice = choose(rows, answers, order, METRIC, held_out)
    held = {name: _score(y_test[:held_out], test[name][:held_out], len(classes)) for name in order}
    new = {name: _score(y_test[held_out:], test[name][held_out:], len(classes)) for name in order}
    simpler = _simplest_within(rows, answers)
    return {
        "chosen": choice.name,
        "out_of_fold": choice.out_of_fold,
        "expected": choice.expected.estimate,
        "low": choice.expected.low,
        "high": choice.expected.high,
        "held": held[choice.name],
        "new": new[choice.name],
        "simpler_held": held[simpler],
        "simpler_new": new[simpler],
    }


def _named(name: str) -> Candidate:
    return next(one for one in CANDIDATES if one.name == name)


def _decided(
    candidate: Candidate, known: tuple[Any, list[Shares]], calibration: CrossFittedCalibration, test: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    predictions, shares = known
    classes = tuple(map(str, range(test.shape[1])))
    trained = np.mean([one.trained for one in shares[:-1]], axis=0)
    fitted = fit_postprocessing(candidate.decision, predictions, calibration.final, classes, METRIC, trained)
    codes = cross_decided(candidate.decision, predictions, calibration, classes, METRIC, trained)
    return codes, fitted.apply(test, shares[-1])[1]


def _score(y: np.ndarray, codes: np.ndarray, k: int) -> float | None:
    if not len(y):
        return None
    confusion = np.bincount(y * k + codes, minlength=k * k).reshape(k, k)
    return float(CONFUSION_METRICS[METRIC](confusion)[0])


def _simplest_within(rows: EvaluationRows, answers: dict[str, MeasuredCandidate]) -> str:
    """Apply the one-standard-error rule to paired differences, which the choice is compared with."""
    found, names = list(divisions(rows, answers, METRIC)), list(answers)
    whole = found[0].whole
    behind = [one.without[whole.argmax()] - one.without for one in found]
    error = np.sqrt(np.mean([gap.var(axis=1) * (gap.shape[1] - 1) for gap in behind], axis=0))
    return names[int(np.argmax(whole >= whole.max() - error - 1e-12))]


# --- tables ----------------------------------------------------------------------------------------------------------


def tables(lines: Sequence[Line]) -> tuple[str, bool]:
    """Return the tables, and whether the targets are met."""
    head = "| training rows | splits | parents | out of fold - held out | expected - held out | in the 95 % interval |"
    parts = [f"{head}\n| --- | --- | --- | --- | --- | --- |"]
    for low, high in (*SIZES, (0, SIZES[-1][1])):
        some = [line for line in lines if low < line["rows"] <= high]
        if some:
            shown = _within(some)
            before = _written(some, lambda line: line["out_of_fold"] - line["held"])
            after = _written(some, lambda line: line["expected"] - line["held"])
            parents = len({line["parent"] for line in some})
            size = f"{low:,} to {high:,}"
            parts.append(f"| {size} | {len(some)} | {parents} | {before} | {after} | {100 * shown:.0f} % |")
    gap, error = over_parents(lines, lambda line: line["expected"] - line["held"])
    met = abs(gap) <= min(2 * error, 0.02) and 0.88 <= _within(lines) <= 0.99
    new = [line for line in lines if line["new"] is not None]
    parts.append("")
    parts.append(f"expected - fresh rows: {_written(new, lambda line: line['expected'] - line['new'])}")
    one_error = _written(lines, lambda line: line["simpler_held"] - line["held"])
    one_error_new = _written(new, lambda line: line["simpler_new"] - line["new"])
    parts.append(f"simplest within one standard error, against the best: {one_error}; on fresh rows {one_error_new}")
    parts.append(f"targets: {'met' if met else 'MISSED'}")
    return "\n".join(parts), met


def _within(lines: Sequence[Line]) -> float:
    return float(np.mean([line["low"] <= line["held"] <= line["high"] for line in lines]))


def over_parents(lines: Iterable[Line], value: Callable[[Line], float]) -> tuple[float, float]:
    """Return the mean over parents of the mean of each parent's splits, and its standard error."""
    of: dict[str, list[float]] = {}
    for line in lines:
        of.setdefault(line["parent"], []).append(value(line))
    means = np.array([np.mean(values) for values in of.values()])
    return float(means.mean()), float(means.std(ddof=1) / np.sqrt(len(means))) if len(means) > 1 else float("nan")


def _written(lines: Sequence[Line], value: Callable[[Line], float]) -> str:
    if not lines:
        return "none"
    mean, error = over_parents(lines, value)
    return f"{mean:+.3f} ± {error:.3f}"


if __name__ == "__main__":
    raise SystemExit(main())

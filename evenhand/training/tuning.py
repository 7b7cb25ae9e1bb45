"""Settings searched inside the training rows of one fold: inner folds choose, and the fold itself judges the choice.

The score a search maximises is too good (Cawley & Talbot 2010), so it is never reported as the candidate's: for every
fold a study of its own sees that fold's training rows alone, and for the model that is registered one study sees all
training rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import pandas as pd

from evenhand.data.lineage import RowsSeen, rows_seen
from evenhand.data.split import Fold, make_folds, period_numbers
from evenhand.errors import LeakFound, ProblemError
from evenhand.metrics.scores import score
from evenhand.models import DEFAULTS, check_models
from evenhand.problem import ForwardFolds, GroupFolds, ModelSpec, Problem, Setting, StratifiedFolds
from evenhand.problem.models import Params
from evenhand.text.cell_text import text_of
from evenhand.training.candidates import Candidate
from evenhand.training.experiment import Experiment
from evenhand.training.tuned_settings import DECLARED, TrialRecord

Folds = StratifiedFolds | GroupFolds | ForwardFolds


def asked_to_tune(problem: Problem, asked: bool) -> Problem:
    """Leave the tuned candidates out of a problem where a training is not asked for them.

    Raises
    ------
    ProblemError
        When it is asked and the problem names none.
    """
    if asked and not problem.tuning:
        raise ProblemError(
            f"{problem.name} names nothing to tune; a `tuning:` in its file may be "
            f"[{{model: {problem.models[0].name}, trials: 20}}]"
        )
    return problem if asked else problem.model_copy(update={"tuning": ()})


def check_spaces(grid: Sequence[Candidate]) -> None:
    """Refuse a space whose settings the model does not have, before any data is read.

    Raises
    ------
    ProblemError
    """
    for candidate in grid:
        if candidate.tuning is not None:
            space, model = candidate.tuning.space_of(candidate.model), candidate.model
            for end in ("low", "high"):
                values = {
                    name: found.choices[0] if found.choices else getattr(found, end) for name, found in space.items()
                }
                check_models([model.model_copy(update={"params": {**model.params, **values}})])


class Suggests(Protocol):
    """What proposes values, such as an Optuna trial."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """Propose a whole number, both ends included."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """Propose a number."""

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """Propose one of several values."""


def suggested(space: Mapping[str, Setting], trial: Suggests) -> Params:
    """Take a value for every setting of a space; a range between whole numbers gives whole numbers.

    Parameters
    ----------
    space : mapping of str to Setting
    trial : Suggests
    """
    found: Params = {}
    for name, setting in space.items():
        low, high = setting.low, setting.high
        if setting.choices is not None:
            found[name] = trial.suggest_categorical(name, list(setting.choices))
        elif isinstance(low, int) and isinstance(high, int):
            found[name] = trial.suggest_int(name, low, high, log=setting.log)
        elif low is not None and high is not None:
            found[name] = trial.suggest_float(name, float(low), float(high), log=setting.log)
    return found


def inner_folds(frame: pd.DataFrame, y: np.ndarray, folds: Folds, n: int, seed: int) -> tuple[list[Fold], list[str]]:
    """Make inner folds of the kind of the outer ones, as many of ``n`` as the rows allow.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        The training rows of an outer fold, typed.
    y : ndarray of int, shape (n_rows,)
    folds : StratifiedFolds, GroupFolds or ForwardFolds
        The outer ones.
    n : int
    seed : int

    Returns
    -------
    list of Fold
    list of str
        What had to be done otherwise: fewer folds, or random ones where the rows are of one period or group.
    """
    most, what = n, "groups"
    if isinstance(folds, ForwardFolds):
        most, what = int(period_numbers(frame[folds.column], folds.period, "tuning", folds.column).max()), "periods"
    elif isinstance(folds, GroupFolds):
        most = int(text_of(frame[folds.column]).fillna("(missing)").nunique())
    fewest = 1 if isinstance(folds, ForwardFolds) else 2
    if most < fewest:
        random = StratifiedFolds(kind="stratified", n=n)
        return make_folds(frame, y, random, seed), [f"too few {what} for inner folds like the outer ones: random ones"]
    notes = [f"{most} inner folds in the place of {n}: there are no more {what}"] if most < n else []
    return make_folds(frame, y, folds.model_copy(update={"n": min(n, most)}), seed), notes


def inner_experiment(whole: Experiment, fold: int, folds: Folds, n: int) -> tuple[Experiment, RowsSeen, list[str]]:
    """Make an experiment of the training rows of one outer fold, and of no other row.

    Returns
    -------
    Experiment
    RowsSeen
        Its rows by their positions in ``whole``.
    list of str
        See :func:`inner_folds`.
    """
    rows = whole.folds[fold].train
    frame, y = whole.frame.iloc[rows].reset_index(drop=True), whole.y[rows]
    inner, notes = inner_folds(frame, y, folds, n, whole.seed)
    when = None if whole.when is None else whole.when.iloc[rows].reset_index(drop=True)
    given = (frame, y, whole.classes, inner, whole.features, whole.seed, when)
    made = Experiment(*given, kept_folds=len(inner), transfer=whole.transfer)
    return made, rows_seen(whole.frame.iloc[rows][[]]), notes


def judged_trial(
    inner: Experiment, candidate: Candidate, number: int, params: Params, goes_on: Callable[[int, float], bool]
) -> TrialRecord:
    """Fit a candidate with the settings of a trial on one inner fold after the other.

    Parameters
    ----------
    inner : Experiment
    candidate : Candidate
        With a ``tuning``.
    number : int
    params : dict
    goes_on : callable
        Given the folds done and the mean over them, whether the rest is worth its cost.

    Returns
    -------
    TrialRecord
        Failed, with its reason, where a setting or the rows do not allow a fit.
    """
    if candidate.tuning is None:
        raise ValueError(f"{candidate.name} has no tuning")
    model = candidate.model.model_copy(update={"params": {**candidate.model.params, **params}})
    tried = replace(candidate, model=model, tuning=None)
    begun = TrialRecord(number, "pruned", params, None)
    for step, fold in enumerate(inner.folds, start=1):
        try:
            value, seconds = _value(inner, tried, fold, candidate.tuning.metric)
        except ProblemError as reason:
            return replace(begun, state="failed", reason=str(reason))
        values = (*begun.fold_values, value)
        spent = begun.rounds + rounds_of(model)
        begun = replace(begun, fold_values=values, rounds=spent, seconds=round(begun.seconds + seconds, 2))
        worth = goes_on(step, sum(values) / step)
        if not worth and step < len(inner.folds) and number != DECLARED:
            return begun
    return replace(begun, state="complete", value=sum(begun.fold_values) / len(begun.fold_values))


def _value(inner: Experiment, tried: Candidate, fold: int, metric: str) -> tuple[float, float]:
    outcome = inner.run(tried, fold)
    if outcome.leaks:
        raise LeakFound(f"{tried.name}, inner fold {fold + 1}: {'; '.join(outcome.leaks)}")
    if outcome.probabilities is None:
        raise ProblemError(f"inner fold {fold + 1}: {outcome.skipped}")
    value = score(inner.y[inner.folds[fold].valid], outcome.probabilities, inner.classes).metrics[metric]
    if math.isnan(value):
        raise ProblemError(f"inner fold {fold + 1}: {metric} is undefined there")
    return value, outcome.fit_seconds


def rounds_of(model: ModelSpec) -> int:
    """Return the boosting rounds or trees of one fit; one for a family that has none.

    Examples
    --------
    >>> rounds_of(ModelSpec(kind="lightgbm", params={"n_estimators": 40})), rounds_of(ModelSpec(kind="lightgbm"))
    (40, 100)
    """
    family = f"{model.kind} exact" if model.exact else model.kind
    settings = {**DEFAULTS[family], **model.params}
    own: Any = settings.get("n_estimators", settings.get("max_iter", 1))
    inside: Any = settings.get("rounds", 1)  # of each member of an ensemble of boosted trees
    first: Any = settings.get("first_rounds", 0)
    return int(own) * int(inside) + int(first)

"""The evidence of one place: every candidate against its reference, on the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evenhand.comparing.classes import class_evidence, class_support
from evenhand.comparing.family import concluded, detectable, holm
from evenhand.comparing.folds import FEWEST_FOLDS
from evenhand.comparing.measure import Answers, Compared, Measurement, Rules, measure
from evenhand.comparing.rows import FEWEST_BLOCKS, JudgedRows
from evenhand.comparing.types import Basis, Difference, Ground, MetricEvidence, Place, PlaceEvidence


@dataclass(frozen=True, eq=False)
class Judged:
    """All of one place: what it stands on, each candidate's evidence, and standard errors by metric and candidate."""

    ground: Ground
    found: dict[str, PlaceEvidence]
    errors: dict[str, dict[str, float]]


def judge_place(
    place: Place,
    rows: JudgedRows,
    answers: Mapping[str, Answers],
    references: Mapping[str, str],
    metrics: Sequence[str],
    rules: Rules,
) -> Judged:
    """Judge all candidates of one place.

    Parameters
    ----------
    place : {"oof", "test"}
    rows : JudgedRows
    answers : mapping of candidate name to Answers
    references : mapping of candidate name to the name of its reference
        Without those that have none.
    metrics : sequence of str
    rules : Rules
    """
    pairs = {name: references[name] for name in answers if references.get(name) in answers}
    known, order = rows.support >= rules.min_positives, _order_of_classes(rows, answers)
    # Classes in an order of their own: neither their names nor their codes then make a difference to a draw.
    to = np.argsort(order)
    ordered = replace(rows, y=to[rows.y])
    recoded = {name: Answers(to[said.codes], said.judged) for name, said in answers.items()}
    measured = {
        name: measure(ordered, said, recoded.get(pairs.get(name, "")), known[order], metrics, rules)
        for name, said in recoded.items()
    }
    by_metric = {metric: _family(metric, measured, pairs, rules) for metric in metrics}
    found = {}
    for name, said in answers.items():
        other = answers[pairs[name]].codes if name in pairs else None
        classes = class_evidence(rows, said.codes, other, rules.min_positives, rules.confidence)
        found[name] = PlaceEvidence({metric: by_metric[metric][name] for metric in metrics}, classes)
    errors = {metric: {name: one[metric].standard_error for name, one in measured.items()} for metric in metrics}
    return Judged(_ground(place, rows, answers, pairs, rules), found, errors)


def _order_of_classes(rows: JudgedRows, answers: Mapping[str, Answers]) -> np.ndarray:
    hits = np.zeros(len(rows.classes), dtype=np.int64)
    for said in answers.values():
        hits += np.bincount(rows.y[said.codes == rows.y], minlength=len(hits))
    return np.lexsort((hits, rows.support))


def _family(
    metric: str, measured: Mapping[str, Mapping[str, Measurement]], pairs: Mapping[str, str], rules: Rules
) -> dict[str, MetricEvidence]:
    compared = {name: one[metric].compared for name, one in measured.items() if name in pairs}
    adjusted = dict(zip(compared, holm([_p(one) for one in compared.values()]), strict=True))
    found = {}
    for name, one in measured.items():
        difference = None
        if name in pairs:
            level = rules.alpha / max(1, len(compared))
            difference = _difference(pairs[name], one[metric].compared, adjusted[name], level, rules.alpha)
        metric_of = one[metric]
        found[name] = MetricEvidence(
            metric,
            metric_of.rows.interval.estimate,
            metric_of.rows.interval,
            metric_of.folds.interval if metric_of.folds else None,
            metric_of.fold_values,
            difference,
        )
    return found


def _p(compared: Compared | None) -> float:
    if compared is None:
        return np.nan
    return compared.folds.p if compared.folds else compared.rows.p


def _difference(
    versus: str, compared: Compared | None, adjusted: float, level: float, alpha: float
) -> Difference | None:
    if compared is None:
        return None
    rows, folds = compared.rows, compared.folds
    estimates = [rows.interval.estimate, *([folds.interval.estimate] if folds else [])]
    seen = detectable(folds.standard_error, level, folds.degrees) if folds else detectable(rows.standard_error, level)
    return Difference(
        versus=versus,
        estimate=rows.interval.estimate,
        interval=folds.interval if folds else rows.interval,
        basis="folds" if folds else "rows",
        p=_p(compared),
        p_adjusted=adjusted,
        detectable=seen,
        conclusion=concluded(estimates, adjusted, alpha),
        rows=rows.interval,
        folds=folds.interval if folds else None,
    )


def _ground(
    place: Place, rows: JudgedRows, answers: Mapping[str, Answers], pairs: Mapping[str, str], rules: Rules
) -> Ground:
    basis: Basis = "folds" if len(rows.ratios) >= FEWEST_FOLDS else "rows"
    codes = {name: said.codes for name, said in answers.items()}
    compared = [(codes[name], codes[other]) for name, other in pairs.items()]
    support = class_support(rows, compared, list(codes.values()), rules.min_positives, rules.confidence)
    ground = Ground(place, len(rows.y), len(rows.ratios), basis, rows.n_blocks, len(pairs), support, ())
    return replace(ground, notes=tuple(_notes(ground, rules)))


def _notes(ground: Ground, rules: Rules) -> list[str]:
    said = []
    if ground.place == "test":
        said.append("one fit a candidate: intervals say how sure the difference between these fits is on this period")
    elif ground.basis == "rows":
        many = "1 fold" if ground.folds == 1 else f"{ground.folds} folds"
        said.append(f"{many}, three are needed to tell how much fits vary: intervals hold for these fits alone")
    few = [support for support in ground.classes if 0 < support.positives < rules.min_positives]
    if few:
        named = ", ".join(f"{support.name} ({support.positives:,})" for support in few)
        said.append(
            f"not enough data, so left out of means over classes: fewer than {rules.min_positives} rows of {named}"
        )
    if ground.blocks is not None and ground.blocks < FEWEST_BLOCKS:
        said.append(f"{ground.blocks} blocks are too few to draw from: {FEWEST_BLOCKS} are needed")
    return said

"""Candidates as the evidence knows them: what each is compared with, and how simple it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evenhand.evidence.types import MetricEvidence, Simplest
from evenhand.problem import BASE, LOWER_IS_BETTER

PLAIN_STRATEGY, PLAIN_DECISION = "none", "argmax"

# Families that balance inside themselves, and the kind that does the same without it.
PLAIN_KINDS = {
    "balanced_random_forest": "random_forest",
    "balanced_bagging": "random_forest",
    "smote_bagging": "random_forest",
    "easy_ensemble": "adaboost",
    "rusboost": "adaboost",
    "lightgbm_focal": "lightgbm",
    "lightgbm_continued": "lightgbm",
}
_WEIGHTS = ("class_weight", "effective_number", "sqrt_weight", "cost_weight")
_UNDER = ("random_under", "near_miss", "tomek", "enn", "capped")
_LEVELS = {PLAIN_STRATEGY: 0, **dict.fromkeys(_WEIGHTS, 1), **dict.fromkeys(_UNDER, 3), "random_over": 4, "stack": 7}
_RULE, _SYNTHETIC, _ENSEMBLE = 2, 5, 6
_WEIGHTING_KINDS = ("lightgbm_focal",)


@dataclass(frozen=True)
class ComparedCandidate:
    """A candidate by its names and kinds."""

    name: str
    model: str
    model_kind: str
    strategy: str
    strategy_kind: str
    features: str
    decision: str
    variant_of: str | None = None
    """The model that this one is with other settings."""


def baseline_of(entry: ComparedCandidate, entries: Iterable[ComparedCandidate]) -> ComparedCandidate | None:
    """Find what a candidate is compared with, so that the difference is that of one thing.

    As a rule it is the same model on the same features, with strategy ``none`` and ``argmax``. Where that is the
    candidate itself or does not exist: the same on ``base``; then the model that it is with other settings; and for a
    family that balances inside itself, the plain family. None where there is nothing of the kind.
    """
    plain = [e for e in entries if (e.strategy_kind, e.decision) == (PLAIN_STRATEGY, PLAIN_DECISION) and e != entry]
    sibling = PLAIN_KINDS.get(entry.model_kind)
    for model_fits in (
        lambda e: e.model == entry.model,
        lambda e: e.model == entry.variant_of,
        lambda e: e.model_kind == sibling,
    ):
        for features in dict.fromkeys((entry.features, BASE)):
            found = next((e for e in plain if e.features == features and model_fits(e)), None)
            if found is not None:
                return found
    return None


def method_of(entry: ComparedCandidate, reference: ComparedCandidate) -> str:
    """Name what a candidate does that its reference does not.

    Examples
    --------
    >>> plain = ComparedCandidate("plain", "lightgbm", "lightgbm", "none", "none", "base", "argmax")
    >>> smote = ComparedCandidate("smote", "lightgbm", "lightgbm", "smote", "smote", "base", "prior_correction")
    >>> method_of(smote, plain)
    'smote + prior_correction'
    """
    strategy = reference.strategy if entry.model_kind == "stack" else entry.strategy  # there it names the members
    pairs = (
        (entry.model, reference.model),
        (strategy, reference.strategy),
        (entry.features, reference.features),
        (entry.decision, reference.decision),
    )
    return " + ".join(mine for mine, other in pairs if mine != other) or entry.name


def simplicity(entry: ComparedCandidate) -> tuple[int, int, bool, bool, str]:
    """Sort the simplest first: by the most involved part, how many parts, features, settings, name.

    none < weights < decision rule < undersampling < oversampling < synthetic rows < ensembles that balance inside <
    stacks; an unknown strategy counts as one that makes rows up.
    """
    parts = [_LEVELS.get(entry.strategy_kind, _SYNTHETIC)]
    parts += [_RULE] if entry.decision != PLAIN_DECISION else []
    if entry.model_kind in PLAIN_KINDS:
        parts.append(1 if entry.model_kind in _WEIGHTING_KINDS else _ENSEMBLE)
    moving = sum(level > 0 for level in parts) + ("+" in entry.strategy)
    return max(parts), moving, entry.features != BASE, entry.variant_of is not None, entry.name


def simplest(
    entries: Sequence[ComparedCandidate], found: Mapping[str, MetricEvidence], errors: Mapping[str, float], metric: str
) -> Simplest | None:
    """Apply the one-standard-error rule: the simplest candidate within one standard error of the best.

    Breiman, Friedman, Olshen & Stone (1984, section 3.4.3).

    Parameters
    ----------
    entries : sequence of ComparedCandidate
    found : mapping of candidate name to MetricEvidence
        The primary metric out of fold.
    errors : mapping of candidate name to float
        Standard error of each.
    metric : str
    """
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    ranked = [e for e in entries if e.name in found and np.isfinite([found[e.name].estimate, errors[e.name]]).all()]
    if not ranked:
        return None
    best = max(ranked, key=lambda e: (sign * found[e.name].estimate, tuple(-v for v in simplicity(e)[:4])))
    bound = sign * found[best.name].estimate - errors[best.name]
    within = sorted((e for e in ranked if sign * found[e.name].estimate >= bound), key=simplicity)
    return Simplest(
        within[0].name, best.name, errors[best.name], sign * bound, tuple(candidate.name for candidate in within)
    )

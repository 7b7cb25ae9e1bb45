"""Baselines: what each candidate is compared with, in what it differs, and how simple it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evenhand.evidence.types import MetricEvidence, Simplest
from evenhand.problem import BASE, LOWER_IS_BETTER

PLAIN_STRATEGY, PLAIN_DECISION = "none", "argmax"

# Families that balance internally, and the kind of the same model without it.
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
_WEIGHTED_KINDS = ("lightgbm_focal",)


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
    """Name of the model of which this one is a variant with other settings."""


def baseline_of(candidate: ComparedCandidate, candidates: Iterable[ComparedCandidate]) -> ComparedCandidate | None:
    """Find what a candidate is compared with, so that the difference has one cause.

    Usually it is the same model on the same features with strategy ``none`` and ``argmax``. Where that is the candidate
    itself or does not exist: the same on ``base``; then the model of which it is a variant; and for a family that
    balances internally, the plain family. None where there is no such candidate.
    """
    rule = (PLAIN_STRATEGY, PLAIN_DECISION)
    plain = [one for one in candidates if (one.strategy_kind, one.decision) == rule and one != candidate]
    plain_kind = PLAIN_KINDS.get(candidate.model_kind)
    for same_model in (
        lambda one: one.model == candidate.model,
        lambda one: one.model == candidate.variant_of,
        lambda one: one.model_kind == plain_kind,
    ):
        for features in dict.fromkeys((candidate.features, BASE)):
            found = next((one for one in plain if one.features == features and same_model(one)), None)
            if found is not None:
                return found
    return None


def method_of(candidate: ComparedCandidate, baseline: ComparedCandidate) -> str:
    """Name what a candidate does that its baseline does not.

    Examples
    --------
    >>> plain = ComparedCandidate("plain", "lightgbm", "lightgbm", "none", "none", "base", "argmax")
    >>> smote = ComparedCandidate("smote", "lightgbm", "lightgbm", "smote", "smote", "base", "prior_correction")
    >>> method_of(smote, plain)
    'smote + prior_correction'
    """
    # The strategy of a stack names its members, which is no method.
    strategy = baseline.strategy if candidate.model_kind == "stack" else candidate.strategy
    pairs = (
        (candidate.model, baseline.model),
        (strategy, baseline.strategy),
        (candidate.features, baseline.features),
        (candidate.decision, baseline.decision),
    )
    return " + ".join(own for own, other in pairs if own != other) or candidate.name


def simplicity(candidate: ComparedCandidate) -> tuple[int, int, bool, bool, str]:
    """Return a sort key, the simplest first: most complex part, number of parts, features, settings, name.

    none < weights < decision rule < undersampling < oversampling < synthetic rows < ensembles that balance internally <
    stacks; an unknown strategy counts as synthetic rows.
    """
    parts = [_LEVELS.get(candidate.strategy_kind, _SYNTHETIC)]
    parts += [_RULE] if candidate.decision != PLAIN_DECISION else []
    if candidate.model_kind in PLAIN_KINDS:
        parts.append(1 if candidate.model_kind in _WEIGHTED_KINDS else _ENSEMBLE)
    n_parts = sum(level > 0 for level in parts) + ("+" in candidate.strategy)
    return max(parts), n_parts, candidate.features != BASE, candidate.variant_of is not None, candidate.name


def simplest(
    candidates: Sequence[ComparedCandidate],
    found: Mapping[str, MetricEvidence],
    errors: Mapping[str, float],
    metric: str,
) -> Simplest | None:
    """Apply the one-standard-error rule: the simplest candidate within one standard error of the best.

    Breiman, Friedman, Olshen & Stone (1984, section 3.4.3).

    Parameters
    ----------
    candidates : sequence of ComparedCandidate
    found : mapping of candidate name to MetricEvidence
        The primary metric out of fold.
    errors : mapping of candidate name to float
        Standard error of each.
    metric : str
    """
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    ranked = [c for c in candidates if c.name in found and np.isfinite([found[c.name].estimate, errors[c.name]]).all()]
    if not ranked:
        return None
    best = max(ranked, key=lambda c: (sign * found[c.name].estimate, tuple(-v for v in simplicity(c)[:4])))
    bound = sign * found[best.name].estimate - errors[best.name]
    within = sorted((c for c in ranked if sign * found[c.name].estimate >= bound), key=simplicity)
    return Simplest(
        within[0].name, best.name, errors[best.name], sign * bound, tuple(candidate.name for candidate in within)
    )

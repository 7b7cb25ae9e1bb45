"""Presets: the problem's own grid, the same on a sample, or every strategy there is."""

from __future__ import annotations

from collections.abc import Sequence

from evenhand.postprocess.fit_rules import AnyDecision
from evenhand.problem import (
    BASE,
    FULL_MODELS,
    LABEL_METRICS,
    CostDecision,
    CostWeightStrategy,
    ModelSpec,
    MultipliersDecision,
    PriorPowerDecision,
    Problem,
    SimpleDecision,
    TextAugmentStrategy,
)
from evenhand.problem.models import COMBINATION, Stacking
from evenhand.problem.presets import Preset
from evenhand.problem.strategies import FULL, AnyStrategy
from evenhand.training.candidates import Candidate, candidates

FAST = "lightgbm"  # the family that strategies beyond the problem's own are tried with
QUICK_FOLDS = 3
MOST_ROWS = 250_000  # that a fit of the full preset sees, where its model declares no max_rows
FULL_DECISIONS: tuple[AnyDecision, ...] = (
    SimpleDecision(kind="argmax"),
    MultipliersDecision(kind="multipliers"),
    PriorPowerDecision(kind="prior_power"),
    SimpleDecision(kind="prior_correction"),
)


def preset_candidates(problem: Problem, preset: Preset, share: float = 1.0) -> list[Candidate]:
    """List what a training tries.

    Parameters
    ----------
    problem : Problem
    preset : {"standard", "full", "quick"}
        ``full`` is the problem's own grid; with it, every strategy of the catalogue on the fast family, every family
        that balances by itself, and every decision rule that needs no knowledge of the problem. What the problem names
        itself is taken as it says.
    share : float
        Of the training rows that are used, see :func:`evenhand.training.candidates.candidates`.
    """
    if preset != "full":
        return candidates(problem, share)
    own = _with_all(problem)
    more = {
        "strategies": _others((*FULL, *_cost_weights(problem), *_text_augment(problem)), own.strategies),
        "models": (_fast(own),),
        "extra": (),
        "balancing_models": (),
    }
    found = [*candidates(own, share), *candidates(own.model_copy(update=more), share)]
    return list({candidate.name: candidate for candidate in found}.values())


def preset_rows(problem: Problem, preset: Preset) -> int | None:
    """Return how many training rows are sampled; None for all of them."""
    return problem.quick_rows if preset == "quick" else None


def preset_folds(preset: Preset, folds: Sequence[int]) -> list[int]:
    """Return the folds that candidates are compared on."""
    return list(folds[: QUICK_FOLDS if preset == "quick" else None])


def preset_stacking(problem: Problem, preset: Preset) -> Stacking | None:
    """Return how a training stacks its candidates; None if it does not."""
    stated = None if problem.stacking == "none" else problem.stacking
    if stated is not None or preset == "full":
        return stated or Stacking()
    return COMBINATION if problem.stacking is None and preset == "standard" else None


def _with_all(problem: Problem) -> Problem:
    """Add the families that balance by themselves and the decision rules; bound what a fit sees."""
    names = {model.name for model in problem.models}
    names |= {model.name for model in problem.balancing_models}
    timeless = problem.split.holdout.order is None  # lightgbm_continued begins on the older rows
    possible = (spec for spec in FULL_MODELS if not (timeless and spec.kind == "lightgbm_continued"))
    balancing = [spec for spec in possible if spec.name not in names]
    rules = [_possible(decision, problem) for decision in FULL_DECISIONS]
    stated = {decision.name for decision in problem.decisions}
    return problem.model_copy(
        update={
            "models": tuple(_bounded(model) for model in problem.models),
            "balancing_models": tuple(_bounded(model) for model in (*problem.balancing_models, *balancing)),
            "decisions": (*problem.decisions, *(rule for rule in rules if rule.name not in stated)),
        }
    )


def _fast(problem: Problem) -> ModelSpec:
    """Return the problem's model of the fast family, or one with default settings and an unused name."""
    own = next((model for model in problem.models if model.kind == FAST), None)
    taken = {model.name for model in (*problem.models, *problem.balancing_models)}
    taken |= {candidate.name for candidate in problem.extra}
    return own or _bounded(ModelSpec(kind=FAST, label=f"{FAST}_default" if FAST in taken else None))


def _others(catalogue: tuple[AnyStrategy, ...], own: tuple[AnyStrategy, ...]) -> tuple[AnyStrategy, ...]:
    """Return what the problem does not try yet, and `none`, which the fast family may lack."""
    names = {strategy.name for strategy in own} - {"none"}
    return tuple(strategy for strategy in catalogue if strategy.name not in names)


def _cost_weights(problem: Problem) -> tuple[AnyStrategy, ...]:
    """Return a strategy that weighs by the costs of the problem's first cost rule, if it has one."""
    rules = [decision for decision in problem.decisions if isinstance(decision, CostDecision)]
    return tuple(CostWeightStrategy(kind="cost_weight", costs=rule.costs, other=rule.other) for rule in rules[:1])


def _text_augment(problem: Problem) -> tuple[AnyStrategy, ...]:
    """Return a strategy that makes new rows from texts, if the base features have any."""
    return (TextAugmentStrategy(kind="text_augment"),) if problem.features[BASE].text else ()


def _possible(decision: AnyDecision, problem: Problem) -> AnyDecision:
    """Return the rule with a metric of predicted classes, which multipliers need."""
    if isinstance(decision, MultipliersDecision) and problem.metric not in LABEL_METRICS:
        return decision.model_copy(update={"metric": "macro_f1"})
    return decision


def _bounded(model: ModelSpec) -> ModelSpec:
    return model if model.max_rows or model.distributed else model.model_copy(update={"max_rows": MOST_ROWS})

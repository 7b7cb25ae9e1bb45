"""Candidates: a model, a strategy, a feature set and a decision rule each; and the grid of a problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from evenhand.errors import ProblemError
from evenhand.evidence.baselines import ComparedCandidate
from evenhand.models import at_scale as model_at_scale
from evenhand.postprocess.fit_rules import AnyDecision
from evenhand.problem import ARGMAX, BASE, AnyStrategy, ExtraCandidate, ModelSpec, Problem, SimpleStrategy, Tuning
from evenhand.strategies import at_scale
from evenhand.training.tuned_settings import Chosen


@dataclass(frozen=True)
class Candidate:
    """A model, an imbalance strategy, a feature set and a decision rule."""

    model: ModelSpec
    strategy: AnyStrategy
    features: str = "base"
    decision: AnyDecision = ARGMAX
    half_life_days: float | None = None
    variant_of: str | None = None
    """Name of the problem's model of which this is a variant with other settings."""
    tuning: Tuning | None = None
    """How its settings are searched, inside the training rows of each fold."""
    chosen: tuple[Chosen, ...] = ()
    """What the studies chose, one per fold, where ``tuning`` is given."""
    left_out: str | None = None
    """Why it is not fitted: it would be the same as another fit."""

    @property
    def name(self) -> str:
        """As in a list of runs: ``lightgbm / smote``."""
        decision = [] if self.decision == ARGMAX else [self.decision.name]
        return " / ".join([self.fit_name, *decision])

    @property
    def fit_name(self) -> str:
        """Name of the fit, which candidates share that differ only in the decision rule."""
        features = [] if self.features == BASE else [self.features]
        return " / ".join([self.model.name, self.strategy.name, *features])

    def chosen_on(self, fold: int) -> Chosen | None:
        """Return what was chosen for a fold; None for a candidate that is not tuned."""
        if self.tuning is None:
            return None
        found = next((chosen for chosen in self.chosen if chosen.fold == fold), None)
        if found is None:
            raise ProblemError(f"{self.name} is to be tuned, but there is no study for fold {fold}")
        return found

    def model_on(self, fold: int) -> ModelSpec:
        """Return the model with the settings that it is fitted with on a fold."""
        chosen = self.chosen_on(fold)
        if chosen is None:
            return self.model
        return self.model.model_copy(update={"params": {**self.model.params, **chosen.params}})


def compared_candidate(candidate: Candidate) -> ComparedCandidate:
    """Name a candidate as the evidence knows it."""
    c = candidate
    names = (c.model.name, c.model.kind, c.strategy.name, c.strategy.kind, c.features, c.decision.name)
    return ComparedCandidate(c.name, *names, variant_of=c.variant_of)


def candidates(problem: Problem, share: float = 1.0) -> list[Candidate]:
    """List the grid of a problem.

    Every model is tried with every strategy on the feature set `base`, then come the candidates of ``problem.extra``.
    Decision rules are tried on the fits without resampling; a rule needs no fit of its own. Models that handle
    imbalance themselves come last, without resampling. Candidates with the same strategy are neighbours, since they
    share the resampled rows.

    Parameters
    ----------
    problem : Problem
    share : float
        Of the training rows that are used; row numbers of strategies and of a forest's bags shrink with it.
    """
    models = {model.name: model_at_scale(model, share) for model in problem.models}
    strategies = {strategy.name: at_scale(strategy, share) for strategy in problem.strategies}
    grid = [Candidate(model, strategy) for strategy in strategies.values() for model in models.values()]
    grid += [_varied(models[more.model], strategies[more.strategy], more) for more in problem.extra]
    unaided = SimpleStrategy(kind="none")
    balancing = [Candidate(model_at_scale(model, share), unaided) for model in problem.balancing_models]
    return [*grid, *_ruled(grid, problem), *balancing]


def tuned_candidates(problem: Problem, share: float = 1.0) -> list[Candidate]:
    """List the candidates to be tuned, with every decision rule; their settings are not chosen yet.

    Parameters
    ----------
    problem : Problem
    share : float
        As for :func:`candidates`.
    """
    models = {model.name: model_at_scale(model, share) for model in (*problem.models, *problem.balancing_models)}
    strategies = {strategy.name: at_scale(strategy, share) for strategy in problem.strategies}
    found = [_varied(models[more.model], strategies[more.strategy], more) for more in problem.tuning]
    return [*found, *_ruled(found, problem)]


def _ruled(grid: Sequence[Candidate], problem: Problem) -> list[Candidate]:
    return [
        replace(candidate, decision=decision)
        for candidate in grid
        for decision in problem.decisions
        # `prior_correction` undoes a resampling; every other rule reads probabilities at natural prevalence.
        if decision != ARGMAX and (candidate.strategy.name == "none") != (decision.kind == "prior_correction")
    ]


def _varied(of: ModelSpec, strategy: AnyStrategy, more: ExtraCandidate | Tuning) -> Candidate:
    label = more.name if more.name != of.name else of.label
    return Candidate(
        of.model_copy(update={"params": {**of.params, **more.params}, "label": label}),
        strategy,
        more.features,
        half_life_days=more.half_life_days,
        variant_of=None if more.name == of.name else of.name,
        tuning=more if isinstance(more, Tuning) else None,
    )


def fits(grid: Sequence[Candidate]) -> list[Candidate]:
    """List the fits of a grid: its candidates without their decision rules, each once."""
    return list({candidate.fit_name: replace(candidate, decision=ARGMAX) for candidate in grid}.values())

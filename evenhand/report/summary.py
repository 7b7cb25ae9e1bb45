"""The outcome of a training for scripts: ``summary.json``, whose schema is ``docs/summary.schema.json``."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from evenhand.evidence.types import Conclusion, Evidence
from evenhand.metrics.scores import Scores
from evenhand.selection.choice import Choice
from evenhand.training.candidates import Candidate
from evenhand.training.tuned_settings import Chosen

CLASS_SCORES = ("precision", "recall", "f1", "average_precision")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataSummary(_Part):
    """Which rows a training saw."""

    rows: int = Field(description="good rows after validation")
    sha256: str = Field(description="of their snapshot")
    train_rows: int
    test_rows: int = Field(description="held-out rows; no candidate was trained on them")
    quarantined: dict[str, int] = Field(description="expectation -> rows quarantined for it")


class WinnerSummary(_Part):
    """What names a candidate."""

    model: str
    strategy: str
    features: str
    decision: str


class ShippedSummary(_Part):
    """A candidate's scores with calibrated probabilities, as a registered model has; its classes are the same."""

    calibration: str = Field(description="none, prior, temperature, prior + isotonic, ...: chosen out of fold")
    oof: dict[str, float | None] | None
    test: dict[str, float | None] | None


class ClassSummary(_Part):
    """One class on the held-out rows; null where it has none."""

    precision: float | None
    recall: float | None
    f1: float | None
    average_precision: float | None
    support: int = Field(description="true rows of the class")


class CandidateSummary(WinnerSummary):
    """One candidate of the grid."""

    oof: dict[str, float | None] | None = Field(
        description="metrics on the out-of-fold rows of the folds done; null if skipped"
    )
    test: dict[str, float | None] | None = Field(description="metrics on the held-out rows; null if not scored there")
    test_by_class: dict[str, ClassSummary] | None = Field(
        default=None, description="each class on the held-out rows; null if not scored there"
    )
    folds_done: int
    fit_seconds: float = Field(
        description="CPU seconds of all its fits; a forest's include scoring its rows, those of a distributed model "
        "are wall seconds, with the wait for the cluster"
    )
    skipped: str | None = Field(description="why the strategy could not run")
    stopped: str | None = Field(
        default=None, description="why it was stopped early and has no test score: it could not win"
    )
    shipped: ShippedSummary | None = Field(default=None, description="with calibrated probabilities; null if skipped")


class TuningSummary(_Part):
    """What one study chose."""

    candidate: str = Field(description="what is tuned, without its decision rule")
    fold: int | None = Field(description="whose training rows it saw; null: all of them, whose settings the model has")
    metric: str = Field(description="what its trials are compared by, on inner folds")
    chosen: dict[str, int | float | str | bool | None] = Field(description="empty: as declared")
    value: float | None = Field(description="inner score of the chosen settings; null if no trial was scored")
    declared: float | None = Field(description="inner score of the model as it is declared")
    complete: int
    pruned: int
    failed: int
    reproducible: bool = Field(description="false if a wall clock may end it")
    notes: tuple[str, ...] = ()


class ExpectedSummary(_Part):
    """What to expect of the winner: its score out of fold, corrected for the choice among the candidates."""

    value: float | None = Field(description="expected primary metric on rows like the training rows")
    low: float | None = Field(description="95 % prediction interval of the score on the held-out rows")
    high: float | None
    out_of_fold: float | None = Field(description="the score out of fold as it is, which the choice makes too good")
    candidates: int = Field(description="that could be chosen: those with all folds")


class VerdictSummary(_Part):
    """What the gate decided."""

    outcome: Literal["promote", "promote (first)", "reject", "insufficient evidence", "error"]
    reasons: tuple[str, ...]
    review: Literal["required", "never"]


class ModelSummary(_Part):
    """The registered model version."""

    name: str
    version: str
    aliases: tuple[str, ...]


class EvidenceSummary(_Part):
    """Which methods of handling imbalance help; evidence.json in the same folder holds all of it."""

    conclusion: str
    simplest: str | None = Field(description="simplest candidate within one standard error of the best out of fold")
    evidence_family: str | None = Field(
        default=None, description="the model of which every strategy has all folds and held-out scores"
    )
    helps: tuple[str, ...] = Field(description="candidates shown to help the primary metric out of fold")
    hurts: tuple[str, ...] = Field(default=(), description="candidates shown to hurt the primary metric out of fold")
    no_difference_larger_than: dict[str, float] = Field(
        default={},
        description="candidate -> how large its difference in the primary metric may be: it has all folds, and none "
        "is shown",
    )
    stopped_early: tuple[str, ...] = Field(
        default=(), description="candidates that the race stopped before their difference was settled"
    )
    hurts_average_precision: tuple[str, ...] = Field(description="candidates shown to hurt it out of fold")
    not_enough_data: tuple[str, ...] = Field(description="classes with too few held-out rows")


class Summary(_Part):
    """A training."""

    schema_version: Literal[1] = 1
    id: str
    problem: str
    synthetic: bool = Field(description="whether the rows are made up")
    seed: int
    preset: Literal["standard", "full", "quick"]
    metric: str = Field(description="the primary metric, by which the winner was chosen out of fold")
    data: DataSummary
    candidates: tuple[CandidateSummary, ...]
    winner: WinnerSummary
    expected: ExpectedSummary | None = Field(default=None, description="what to expect of the winner")
    leak_sentinel: Literal["clean"] | None = Field(
        default=None,
        description="clean: no scored row was used in the fit that predicted it; else the training stops",
    )
    verdict: VerdictSummary
    model: ModelSummary
    warnings: tuple[str, ...]
    seconds: dict[str, float] = Field(description="wall seconds of each step, and total")
    versions: dict[str, str]
    evidence: EvidenceSummary | None = None
    combination: str | None = Field(
        default=None, description="what the combination of models gains out of fold, and whether it was taken"
    )
    tuning: tuple[TuningSummary, ...] = Field(default=(), description="every study, if the training tuned")


def studies(grid: Iterable[Candidate]) -> tuple[TuningSummary, ...]:
    """Return what each study chose, each fit once."""
    tuned = {one.fit_name: one for one in grid if one.chosen}
    return tuple(_study(name, chosen) for name, one in tuned.items() for chosen in one.chosen)


def _study(name: str, chosen: Chosen) -> TuningSummary:
    return TuningSummary(
        candidate=name,
        fold=chosen.fold if chosen.fold >= 0 else None,
        metric=chosen.metric,
        chosen=dict(chosen.params),
        value=chosen.best.value if chosen.best else None,
        declared=chosen.declared,
        complete=chosen.count("complete"),
        pruned=chosen.count("pruned"),
        failed=chosen.count("failed"),
        reproducible=chosen.reproducible,
        notes=chosen.notes,
    )


def summed_up(evidence: Evidence, evidence_family: str | None = None) -> EvidenceSummary:
    """Return the part of the evidence that scripts need."""
    primary = {found.name: found.difference("oof", evidence.metric) for found in evidence.candidates}

    def concluded(metric: str, conclusion: Conclusion) -> tuple[str, ...]:
        differences = ((found.name, found.difference("oof", metric)) for found in evidence.candidates)
        return tuple(name for name, found in differences if found and found.conclusion == conclusion)

    return EvidenceSummary(
        conclusion=evidence.conclusion,
        simplest=evidence.simplest.name if evidence.simplest else None,
        evidence_family=evidence_family,
        helps=concluded(evidence.metric, "helps"),
        hurts=concluded(evidence.metric, "hurts"),
        no_difference_larger_than={
            name: one.at_most for name, one in primary.items() if one and one.conclusion == "no difference larger than"
        },
        stopped_early=concluded(evidence.metric, "stopped early"),
        hurts_average_precision=concluded("average_precision", "hurts"),
        not_enough_data=evidence.grounds["test"].left_out if "test" in evidence.grounds else (),
    )


def expected_of(choice: Choice) -> ExpectedSummary:
    """Return the expected score as plain data, an undefined one as None."""
    found = choice.expected
    values = {"value": found.estimate, "low": found.low, "high": found.high, "out_of_fold": choice.out_of_fold}
    known = {name: value if math.isfinite(value) else None for name, value in values.items()}
    return ExpectedSummary(**known, candidates=choice.candidates)


def class_values(scores: Scores | None) -> dict[str, ClassSummary] | None:
    """Return the scores of every class as plain data, an undefined one as None."""
    if scores is None:
        return None
    return {
        name: ClassSummary(
            support=found.support,
            **{key: None if math.isnan(value := getattr(found, key)) else float(value) for key in CLASS_SCORES},
        )
        for name, found in scores.per_class.items()
    }


def metric_values(scores: Scores | None) -> dict[str, float | None] | None:
    """Return the overall metrics as plain data, an undefined one as None."""
    if scores is None:
        return None
    return {name: None if math.isnan(value) else float(value) for name, value in scores.metrics.items()}

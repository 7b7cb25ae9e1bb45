"""The trials of a tuned candidate as MLflow runs below its own."""

from __future__ import annotations

from collections.abc import Mapping

from evenhand.training.candidates import Candidate
from evenhand.training.tuned_settings import Chosen, TrialRecord
from tasks.tracking.candidate_runs import CandidateRun, ParentRun, log_candidate
from tasks.training.tuning.study import study_rows


def log_trials(candidate_run: ParentRun, candidate: Candidate, tags: Mapping[str, str]) -> None:
    """Write one finished run per trial: its settings, its inner scores, how it ended; each in one batch.

    Parameters
    ----------
    candidate_run : ParentRun
        The run they belong to.
    candidate : Candidate
        Without studies nothing is written.
    tags : mapping
        Of every run of the training.
    """
    for chosen in candidate.chosen:
        for trial in chosen.trials:
            _log_trial(candidate_run, study_rows(chosen.fold), chosen, trial, tags)


def reproducible(candidate: Candidate) -> dict[str, str]:
    """Tag a tuned candidate: false where a wall clock may end its studies."""
    return {"reproducible": str(all(c.reproducible for c in candidate.chosen)).lower()} if candidate.chosen else {}


def _log_trial(
    candidate_run: ParentRun, where: str, chosen: Chosen, trial: TrialRecord, tags: Mapping[str, str]
) -> None:
    metrics = {"rounds": float(trial.rounds), "fit_seconds": trial.seconds}
    metrics |= {f"inner_fold_{n}_{chosen.metric}": value for n, value in enumerate(trial.fold_values, start=1)}
    if trial.value is not None:
        metrics[f"inner_{chosen.metric}"] = trial.value
    labels = {
        **tags,
        "kind": "trial",
        "state": trial.state,
        "study": where,
        "reproducible": str(chosen.reproducible).lower(),
        **({"reason": trial.reason} if trial.reason else {}),
        **({"chosen": "true"} if trial == chosen.best else {}),
    }
    name = f"{where}, trial {trial.number + 1}"
    log_candidate(candidate_run, CandidateRun(name, trial.params, metrics, labels, seconds=trial.seconds))

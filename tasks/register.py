"""Register: the refitted winner as a model version, unless the same data, config and code already made one."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from evenhand.experiment import Candidate
from evenhand.problem import Problem
from evenhand.references import Reference
from evenhand.sentinel import LEAK_SENTINEL, LeakReport
from tasks import tracking
from tasks.registry import Registered, find_identity, register
from tasks.split import Parts
from tasks.train import HOLDOUT_FOLD, Refitted
from tasks.training import Training, identity
from tasks.trials import reproducible


@task(name="register", cache_policy=NO_CACHE)
def register_winner(
    training: Training,
    problem: Problem,
    preset: str,
    seed: int,
    snapshot: Reference,
    parts: Parts,
    winner: Candidate,
    whole: Refitted,
    leaks: LeakReport,
) -> Registered:
    """Log the fitted whole and make it the challenger.

    Returns
    -------
    Registered
        With ``created`` False when this very training was registered before.
    """
    chosen = winner.chosen_on(HOLDOUT_FOLD)
    rows = [parts.train.sha256, parts.holdout.sha256]
    own = identity(problem, rows, preset, seed, chosen.params if chosen else None)
    tags = {
        "winner": winner.name,
        "training": training.id,
        "preset": preset,
        "seed": str(seed),
        "synthetic": str(problem.synthetic).lower(),
        "data_sha256": snapshot.sha256,
        "train_sha256": parts.train.sha256,
        "holdout_sha256": parts.holdout.sha256,
        "validation": "passed",  # a failed one never gets here
        LEAK_SENTINEL: leaks.leak_sentinel,
        **reproducible(winner),
    }
    known = find_identity(training.experiment, own)
    metadata = {**tags, "identity": own}
    model_uri = "" if known else tracking.log_model(training.run_id, whole.model, whole.example, metadata=metadata)
    if not known:
        tracking.load_model(model_uri)  # what can't be loaded becomes no version
    registered = register(model_uri, training.run_id, training.experiment, own, tags)
    whole.model.path.unlink()  # what was registered has a copy
    return registered

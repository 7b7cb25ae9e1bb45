"""Register: the refitted winner as a model version, unless the same data, config and code already made one."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from evenhand.data.fold_names import HOLDOUT_FOLD
from evenhand.training.candidates import Candidate
from evenhand.training.leak_checks import LEAK_SENTINEL, LeakReport
from tasks.registry.load_model import load_model
from tasks.registry.model_versions import Registered
from tasks.registry.register_version import find_registered, register
from tasks.registry.store_model import log_model
from tasks.training.fit import Refitted
from tasks.training.outcome import TrainingData
from tasks.training.training import Training, identity
from tasks.training.tuning.log_trials import reproducible


@task(name="register", cache_policy=NO_CACHE)
def register_winner(
    training: Training, data: TrainingData, winner: Candidate, refitted: Refitted, leaks: LeakReport
) -> Registered:
    """Log the refitted winner and make it the challenger.

    Returns
    -------
    Registered
        With ``created`` False when this very training was registered before.
    """
    chosen, parts = winner.chosen_on(HOLDOUT_FOLD), data.parts
    rows = [parts.train.sha256, parts.holdout.sha256]
    own = identity(training, rows, chosen.params if chosen else None)
    tags = {
        "winner": winner.name,
        "training": training.id,
        "preset": training.preset,
        "seed": str(training.seed),
        "synthetic": str(training.problem.synthetic).lower(),
        "data_sha256": data.snapshot.sha256,
        "train_sha256": parts.train.sha256,
        "holdout_sha256": parts.holdout.sha256,
        "trained_before": parts.trained_before,
        "validation": "passed",  # a failed one never gets here
        LEAK_SENTINEL: leaks.leak_sentinel,
        **reproducible(winner),
    }
    registered = find_registered(training.model_name, own)
    if registered is None:
        metadata = {**tags, "identity": own}
        logged = log_model(training.run_id, refitted.model, refitted.example, metadata=metadata)
        load_model(logged.uri, logged.sha256)  # what can't be loaded becomes no version
        registered = register(logged, training.run_id, training.model_name, own, tags)
    refitted.model.remove()  # the registry has a copy
    return registered

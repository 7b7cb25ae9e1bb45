"""Balance: the capped data set as a file of its own, of training rows only, cached by content."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict

from evenhand.data.references import Reference
from evenhand.problem import CappedStrategy, Problem
from evenhand.strategies import at_scale, capped_rows
from tasks.data.partition import Parts
from tasks.storage.folder import Store
from tasks.storage.store import open_store, read_frame, write_frame

CACHE_FORMAT = 1


class Balanced(BaseModel):
    """A capped data set and what was done to make it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    strategy: str
    rows: Reference
    before: dict[str, int]
    after: dict[str, int]
    cached: bool = False


@task(name="balance", cache_policy=NO_CACHE)
def balance(parts: Parts, problem: Problem, clear_cache: bool = False) -> tuple[Balanced, ...]:
    """Make the capped training set of each capped strategy, or take it from the cache.

    Parameters
    ----------
    parts : Parts
        Only the training rows are read.
    problem : Problem
    clear_cache : bool
        Ignore what is cached and make it again.
    """
    store = open_store()
    scaled = [at_scale(strategy, parts.share) for strategy in problem.strategies]
    capped = [strategy for strategy in scaled if isinstance(strategy, CappedStrategy)]
    return tuple(_one(store, parts.train, strategy, problem.target.column, clear_cache) for strategy in capped)


def _one(store: Store, train: Reference, strategy: CappedStrategy, target: str, clear_cache: bool) -> Balanced:
    record = f"balanced/{_key(train, strategy)}.json"
    if clear_cache:
        store.delete(record)
    if store.exists(record):
        cached = Balanced.model_validate_json(store.local(record).read_bytes())
        if store.exists(cached.rows.key):
            return cached.model_copy(update={"cached": True})
    made = make_balanced(read_frame(train), strategy, target)
    store.put_bytes(made.model_dump_json(indent=2).encode(), record, overwrite=True)
    return made


def make_balanced(frame: pd.DataFrame, strategy: CappedStrategy, target: str) -> Balanced:
    """Write the rows that a capped strategy keeps."""
    codes, classes = pd.factorize(frame[target], sort=True)
    kept = frame.iloc[capped_rows(strategy, np.asarray(codes), list(classes))]
    return Balanced(
        strategy=strategy.name,
        rows=write_frame(kept, "balanced/{sha256}/rows.parquet"),
        before={str(k): int(n) for k, n in frame[target].value_counts().items()},
        after={str(k): int(n) for k, n in kept[target].value_counts().items()},
    )


def _key(train: Reference, strategy: CappedStrategy) -> str:
    made_of = {"rows": train.sha256, "strategy": strategy.model_dump(mode="json"), "format": CACHE_FORMAT}
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()

"""Number of evaluations on held-out rows, kept as tags of the registered model, one for each case.

A tag of the registered model outlives its versions: deleting a version or overwriting a verdict does not reset it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pandas as pd

from evenhand.problem import Problem
from tasks.registry.model_versions import now

if TYPE_CHECKING:
    from mlflow import MlflowClient

PREFIX = "evaluation"
EARLIER_PREFIX = "look"  # of tags that earlier versions wrote: what they counted still counts
LENGTH = 16  # of the hashes in a tag's name


def labels_sha256(frame: pd.DataFrame, problem: Problem) -> str:
    """Hash held-out rows by their labels and times, whatever their order and the other columns that a problem reads.

    So a further feature, with which the same rows have a file with another hash, does not reset the count.
    """
    columns = [c for c in (problem.target.column, problem.split.holdout.column) if c in frame.columns]
    lines = map("\x1f".join, zip(*(frame[column].astype("str") for column in columns), strict=True))
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def next_evaluation(client: MlflowClient, model: str, labels: str, case: str) -> int:
    """Return the number that a case would have on these rows, or has if it was counted before; nothing is written."""
    counted = _counted(client, model, labels)
    return counted.get(case[:LENGTH]) or len(counted) + (case[:LENGTH] not in counted)


def count_evaluation(client: MlflowClient, model: str, labels: str, case: str) -> int:
    """Count a case as an evaluation on these rows, before it is decided; the same case is counted once.

    Two processes at the same time may both get the later number, never both the earlier one: each counts after it has
    written its tag.

    Returns
    -------
    int
        Number of the evaluation, from 1.
    """
    known = _counted(client, model, labels).get(case[:LENGTH])
    if known is not None:
        return known
    tag = f"{_prefix(labels)}{case[:LENGTH]}"
    client.set_registered_model_tag(model, tag, f"? {now()}")
    number = len(_counted(client, model, labels))
    client.set_registered_model_tag(model, tag, f"{number} {now()}")
    return number


def _counted(client: MlflowClient, model: str, labels: str) -> dict[str, int | None]:
    """Return the number of each case on these rows; None for one that was interrupted before it had a number."""
    tags = client.get_registered_model(model).tags
    found = {
        key.removeprefix(prefix): value.split(" ")[0]
        for prefix in (_prefix(labels, EARLIER_PREFIX), _prefix(labels))
        for key, value in tags.items()
        if key.startswith(prefix)
    }
    return {case: int(number) if number.isdecimal() else None for case, number in found.items()}


def _prefix(labels: str, prefix: str = PREFIX) -> str:
    return f"{prefix}.{labels[:LENGTH]}."

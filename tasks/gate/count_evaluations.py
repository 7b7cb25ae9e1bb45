"""Looks at held-out rows, counted where they can't be lost: a tag of the registered model for each case judged.

A deleted version gives no look back, and neither does an overwritten verdict.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pandas as pd

from evenhand.problem import Problem
from tasks.registry.model_versions import now

if TYPE_CHECKING:
    from mlflow import MlflowClient

PREFIX = "look"
LENGTH = 16  # of the hashes in a tag's name


def labels_sha256(frame: pd.DataFrame, problem: Problem) -> str:
    """Name held-out rows by their labels and times, whatever other columns a problem reads and in whatever order.

    So a feature more, which gives the file of the same rows another hash, does not start the count anew.
    """
    columns = [c for c in (problem.target.column, problem.split.holdout.column) if c in frame.columns]
    lines = map("\x1f".join, zip(*(frame[column].astype("str") for column in columns), strict=True))
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def next_evaluation(client: MlflowClient, model: str, labels: str, case: str) -> int:
    """Tell which look a case would be, or was if it has been judged on these rows before; nothing is written."""
    taken = _taken(client, model, labels)
    return taken.get(case[:LENGTH]) or len(taken) + (case[:LENGTH] not in taken)


def count_evaluation(client: MlflowClient, model: str, labels: str, case: str) -> int:
    """Count a case as a look at these rows, before it is judged; the same case is counted once.

    Two at the same time may both get the later number, never both the earlier one: each counts after it has written.

    Returns
    -------
    int
        Which look it is, from 1.
    """
    known = _taken(client, model, labels).get(case[:LENGTH])
    if known is not None:
        return known
    tag = f"{_prefix(labels)}{case[:LENGTH]}"
    client.set_registered_model_tag(model, tag, f"? {now()}")
    number = len(_taken(client, model, labels))
    client.set_registered_model_tag(model, tag, f"{number} {now()}")
    return number


def _taken(client: MlflowClient, model: str, labels: str) -> dict[str, int | None]:
    """Cases judged on these rows; None as the number of one that was stopped before it knew its own."""
    prefix = _prefix(labels)
    tags = client.get_registered_model(model).tags
    found = {key.removeprefix(prefix): value.split(" ")[0] for key, value in tags.items() if key.startswith(prefix)}
    return {case: int(number) if number.isdecimal() else None for case, number in found.items()}


def _prefix(labels: str) -> str:
    return f"{PREFIX}.{labels[:LENGTH]}."

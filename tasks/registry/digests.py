"""Digests: of a model's files, and of the parts of a problem that a decision is bound to."""

from __future__ import annotations

import hashlib
from pathlib import Path

from evenhand.audit.chain import sha256
from evenhand.problem import REVIEW_KEYS, Problem

CONFIG, POLICY = "config_sha256", "policy_sha256"
DATA_DIGESTS = ("data_sha256", "train_sha256", "holdout_sha256")
ADDED_BY_DOWNLOAD = "registered_model_meta"  # MLflow adds it to what it downloads of a registered version
_DESCRIPTIVE_FIELDS = {"source", "title", "about", "licence", "analysis"}


def model_sha256(folder: Path) -> str:
    """Hash a stored model: the manifest of its files, each with its name, its length and its SHA-256."""
    manifest = [
        {
            "path": path.relative_to(folder).as_posix(),
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / ADDED_BY_DOWNLOAD
    ]
    return sha256(manifest)


def problem_rules(problem: Problem) -> dict[str, object]:
    """Return the gate and review rules for a promotion, as plain data."""
    return {"gate": problem.gate.model_dump(mode="json"), "review": problem.review_policy.model_dump(mode="json")}


def problem_digests(problem: Problem) -> dict[str, str]:
    """Hash what a problem trains, and the gate and review rules for a promotion."""
    trained = problem.model_dump(mode="json", exclude={*_DESCRIPTIVE_FIELDS, *REVIEW_KEYS, "gate", "monitor"})
    return {CONFIG: sha256(trained), POLICY: sha256(problem_rules(problem))}

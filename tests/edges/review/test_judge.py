"""Judging again after an error: the same case, no training, and the review that the verdict asks for."""

import pytest

from evenhand.errors import GateError
from tasks.gate import run_gate as gate
from tasks.review.judge import judge_again
from tasks.review.pending_reviews import pending_reviews
from tests.edges.tiny_registry import MODEL, PROBLEM, registry

__all__ = ["registry"]


def test_a_verdict_of_error_is_judged_again_and_a_review_requested(registry, monkeypatch):
    made = registry.version("clear", holdout_sha256=registry.holdout.sha256)
    with monkeypatch.context() as away:

        def gone(*_args):
            raise ConnectionError("the store is away")

        away.setattr(gate, "_load", gone)
        verdict, _ = registry.evaluate(made)
    assert (verdict.outcome, pending_reviews()) == ("error", [])
    version, verdict, status = judge_again(PROBLEM, "standard", None)
    assert (version.name, version.version, verdict.outcome) == (MODEL, made.version, "promote (first)")
    assert "waits for a review" in status
    assert [review.version for review in pending_reviews()] == [made.version]
    before = len(registry.records("verdict"))
    assert judge_again(PROBLEM, "standard", made.version)[1] == verdict
    assert len(registry.records("verdict")) == before, "a case that is decided stays decided"


def test_what_can_not_be_judged_is_named(registry):
    with pytest.raises(GateError, match="has no challenger to judge"):
        judge_again(PROBLEM, "quick", None)
    made = registry.version("clear")
    with pytest.raises(GateError, match=f"version {made.version}: the ledger does not have the rows"):
        judge_again(PROBLEM, "standard", made.version)

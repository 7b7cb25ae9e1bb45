"""What was recorded decides: changed tags change no outcome, and no training adopts a version made by hand."""

import pytest

from evenhand.errors import GateError
from tasks.registry.ledger_text import restore_from_ledger
from tasks.review.decide import ReviewAnswer, decide_review
from tests.edges.tiny_registry import MODEL, registry

__all__ = ["registry"]
APPROVE = ReviewAnswer("approve", "A. Person")
FACTS = ("leak_sentinel", "validation", "trained_by", "identity", "training")


@pytest.mark.parametrize("fact", FACTS)
@pytest.mark.parametrize("value", ["other", None])
class TestTags:
    def change(self, registry, version, fact, value):
        if value is None:
            registry.client.delete_model_version_tag(MODEL, version, fact)
        else:
            registry.client.set_model_version_tag(MODEL, version, fact, value)

    def test_a_changed_fact_stops_the_gate_until_it_is_put_back(self, registry, fact, value):
        made = registry.version("clear")
        self.change(registry, made.version, fact, value)
        verdict, _ = registry.evaluate(made)
        assert verdict.outcome == "error"
        assert f"tag {fact} of {MODEL} version {made.version}" in verdict.reasons[0]
        assert f"tag {fact} of version {made.version}" in restore_from_ledger("tiny")
        assert registry.evaluate(made)[0].outcome == "promote (first)"

    def test_a_fact_changed_after_the_request_stops_the_approval(self, registry, fact, value):
        registry.evaluate(made := registry.version("clear"))
        self.change(registry, made.version, fact, value)
        with pytest.raises(GateError, match=f"tag {fact}"):
            decide_review(MODEL, made.version, APPROVE)
        assert "champion" not in registry.aliases()


def test_deleted_tags_of_the_verdict_change_nothing(registry):
    made = registry.version("clear")
    verdict, _ = registry.evaluate(made)
    for tag in registry.tags(made):
        if tag.startswith("verdict"):
            registry.client.delete_model_version_tag(MODEL, made.version, tag)
    assert registry.evaluate(made)[0] == verdict
    assert len(registry.records("verdict")) == 1


def test_a_verdict_in_the_tags_is_no_verdict(registry):
    registry.champion("clear")
    worse = registry.version("faint")
    registry.client.set_model_version_tag(MODEL, worse.version, "verdict", "promote")
    assert registry.evaluate(worse)[0].outcome == "reject"


class TestMadeByHand:
    def make(self, registry, **tags):
        run_id, logged = registry.logged[("clear",)]
        model = logged.uri.removeprefix("models:/")  # without it a server takes no source of this kind
        return registry.client.create_model_version(MODEL, logged.uri, run_id, tags=tags, model_id=model)

    def test_it_is_not_adopted_by_the_training_whose_identity_it_claims(self, registry):
        registry.version("faint")
        made = self.make(registry, identity="one", validation="passed", leak_sentinel="clean")
        assert registry.version("clear", identity="one").version != str(made.version)

    def test_it_is_neither_judged_nor_approved(self, registry):
        first = registry.version("clear")
        made = self.make(registry, **registry.tags(first))
        hand_made = first.model_copy(update={"version": str(made.version)})
        verdict, _ = registry.evaluate(hand_made)
        assert verdict.outcome == "error"
        assert "is not in the ledger" in verdict.reasons[0]
        with pytest.raises(GateError):
            decide_review(MODEL, hand_made.version, APPROVE)

    def test_a_changed_identity_is_not_taken_for_another_training(self, registry):
        first, second = registry.version("faint", identity="one"), registry.version("clear", identity="two")
        registry.client.set_model_version_tag(MODEL, first.version, "identity", "two")
        assert registry.version("clear", identity="two").version == second.version

"""The ledger says who is champion: what is done to aliases, versions and models in MLflow makes nobody champion."""

import pytest

from evenhand.audit.chain import RecordBody, next_record
from evenhand.errors import EvenhandError, GateError
from tasks.registry.ledger_text import ledger_as_text, restore_from_ledger
from tasks.registry.problem_rules import rules_of
from tasks.review.decide import ReviewAnswer, decide_review
from tasks.review.pending_reviews import pending_reviews
from tasks.review.request_review import request_review
from tasks.review.rollback import RollbackRequest, roll_back
from tasks.scoring.score_file import ScoreRequest
from tasks.scoring.score_file import score as score_task
from tests.edges.tiny_registry import MODEL, PROBLEM, WITHOUT_REVIEW, log, pass_gate, registry, rows, write_problem
from tests.edges.trust.attacks import append_forged, ledger_run, recorded_champion, swap_files

__all__ = ["registry"]
APPROVE = ReviewAnswer("approve", "A. Person")


def rollback(**changes):
    return roll_back(RollbackRequest(problem="tiny", reason="lost", reviewer="A. Person", **changes))


@pytest.fixture
def score(tmp_path):
    path = tmp_path / "new.csv"
    rows(5).to_csv(path, index=False)

    def run():
        return score_task.fn(ScoreRequest(problem="tiny", data=str(path), out=str(tmp_path / "out.csv"))).version

    return run


def delete_alias(registry, version, other):
    registry.client.delete_registered_model_alias(MODEL, "champion")


def move_alias(registry, version, other):
    registry.client.set_registered_model_alias(MODEL, "champion", other)


def delete_version(registry, version, other):
    registry.client.delete_model_version(MODEL, version)


ALIASES = [(delete_alias, "alias champion was deleted"), (move_alias, "alias champion points to version 1")]


class TestByHand:
    @pytest.fixture
    def promoted(self, registry):
        other = registry.version("faint")
        return registry.champion("clear"), other

    @pytest.mark.parametrize(("attack", "reason"), [*ALIASES, (delete_version, "was deleted in MLflow")])
    def test_judging_and_scoring_stop_and_say_what_the_ledger_has(self, registry, promoted, score, attack, reason):
        champion, other = promoted
        attack(registry, champion.version, other.version)
        verdict, _ = registry.evaluate(registry.version("faint", "clear"))
        assert verdict.outcome == "error"
        assert f"has version {champion.version} as champion" in verdict.reasons[0]
        assert reason in verdict.reasons[0]
        with pytest.raises(GateError, match=reason):
            score()
        text, faults = ledger_as_text("tiny")
        assert any(reason in fault for fault in faults)
        assert f"Champion: version {champion.version}" in text

    @pytest.mark.parametrize(("attack", "reason"), ALIASES)
    def test_one_command_puts_the_alias_in_order(self, registry, promoted, score, attack, reason):
        champion, other = promoted
        attack(registry, champion.version, other.version)
        assert f"alias champion points to version {champion.version} again" in restore_from_ledger("tiny")
        assert score() == champion.version
        assert registry.evaluate(registry.version("faint", "clear"))[0].outcome != "error"
        assert len(registry.records("out of band")) == 1

    def test_an_approval_waits_until_the_champion_is_in_order(self, registry):
        champion, better = registry.champion("faint"), registry.version("faint", "clear")
        registry.evaluate(better)
        delete_alias(registry, champion.version, None)
        with pytest.raises(GateError, match="alias champion was deleted"):
            decide_review(MODEL, better.version, APPROVE)
        restore_from_ledger("tiny")
        assert decide_review(MODEL, better.version, APPROVE).aliases == ("champion",)

    def test_a_deleted_champion_can_be_rolled_back(self, registry, promoted, score):
        second = registry.champion("faint", "clear")
        delete_version(registry, second.version, None)
        assert rollback() == f"{MODEL} version {promoted[0].version} is the champion again."
        assert score() == promoted[0].version

    def test_the_only_champion_deleted_leaves_none_by_decision_only(self, registry, promoted):
        delete_version(registry, promoted[0].version, None)
        with pytest.raises(GateError, match="--leave-none leaves none"):
            rollback()
        assert rollback(leave_none=True) == f"{MODEL} has no champion now."
        verdict, _ = registry.evaluate(registry.version("clear"))
        assert verdict.outcome == "promote (first)"


class TestMadeAgain:
    @pytest.fixture
    def remade(self, registry):
        """The registered model was deleted, and the next training made it again."""
        registry.champion("clear")
        registry.client.delete_registered_model(MODEL)
        return registry.version("faint")

    def test_the_next_training_is_not_crowned(self, registry, remade, score):
        assert remade.version == "1"
        verdict, _ = registry.evaluate(remade)
        assert verdict.outcome == "error"
        assert "version 1 was made again in MLflow and is another one" in verdict.reasons[0]
        assert registry.aliases() == {"challenger": "1"}
        with pytest.raises(GateError, match="made again"):
            score()

    def test_a_decision_to_go_on_without_champion_starts_afresh(self, registry, remade):
        rollback(leave_none=True)
        assert registry.evaluate(remade)[0].outcome == "promote (first)"
        assert decide_review(MODEL, remade.version, APPROVE).aliases == ("champion",)

    def test_scoring_without_a_registered_model_names_the_ledger(self, registry, score):
        registry.champion("clear")
        registry.client.delete_registered_model(MODEL)
        with pytest.raises(GateError, match="has version 1 as champion"):
            score()


class TestForgedRecords:
    def test_a_promotion_without_its_approvals_is_no_promotion(self, registry):
        champion, other = registry.champion("clear"), registry.version("faint")
        append_forged(registry, "promotion", other.version, by="A. Person", reason="approved")
        registry.client.set_registered_model_alias(MODEL, "champion", other.version)
        assert recorded_champion(registry) == champion.version
        text, faults = ledger_as_text("tiny")
        assert any("is no promotion: there is no request for it" in fault for fault in faults)
        assert f"Champion: version {champion.version}" in text

    def test_a_rejected_version_is_not_promoted_by_a_request_and_an_approval(self, registry):
        champion, worse = registry.champion("clear"), registry.version("faint")
        registry.evaluate(worse)
        promotion = next(r for r in registry.records() if r.kind == "request")
        verdict, registration = registry.records("verdict")[-1], registry.records("registration")[-1]
        facts = {**promotion.facts, "compared_with": champion.version, "registration": registration.hash}
        facts |= {"model_sha256": registration.facts["model_sha256"], "verdict_sha256": verdict.facts["verdict_sha256"]}
        request = append_forged(registry, "request", worse.version, **facts)
        append_forged(registry, "approval", worse.version, by="A. Person", request=request.hash)
        append_forged(registry, "promotion", worse.version, by="A. Person", request=request.hash)
        assert recorded_champion(registry) == champion.version
        assert any("the gate did not pass it" in fault for fault in ledger_as_text("tiny")[1])

    def test_other_rules_than_those_of_the_digest_are_no_rules(self, registry):
        made = registry.version("clear")
        pass_gate(made)
        request_review.fn(write_problem(PROBLEM), made, pass_gate(made))
        request = registry.records("request")[-1]
        loose = {**request.facts, "rules": rules_of(WITHOUT_REVIEW).text}
        forged = append_forged(registry, "request", made.version, **loose)
        append_forged(registry, "promotion", made.version, request=forged.hash)
        assert recorded_champion(registry) == ""
        assert any("other rules than those of its digest" in fault for fault in ledger_as_text("tiny")[1])

    def test_a_second_registration_of_a_version_changes_nothing(self, registry):
        champion = registry.champion(logged=log(["clear"]))
        facts = registry.records("registration")[-1].facts | {"model_sha256": registry.logged[("faint",)][1].sha256}
        append_forged(registry, "registration", champion.version, **facts)
        swap_files(registry, champion.version, registry.version("faint").version)
        assert registry.evaluate(registry.version("faint", "clear"))[0].outcome == "error"

    def test_a_date_in_the_future_hides_nothing(self, registry):
        champion = registry.champion("clear")
        records = registry.records()
        body = RecordBody(kind="void", version="9")
        late = next_record(records, MODEL, body, "2099-01-01T00:00:00+00:00", "x")
        registry.client.log_param(ledger_run(registry)[1], str(late.seq).zfill(6), late.model_dump_json())
        assert f"version {champion.version}" in ledger_as_text("tiny", on="2098-01-01")[0]

    def test_a_promotion_is_not_repeated_after_its_rollback(self, registry):
        first, second = registry.champion("faint"), registry.champion("clear")
        promotion = registry.records("promotion")[-1]
        rollback()
        append_forged(registry, "promotion", second.version, by="A. Person", request=promotion.facts["request"])
        assert recorded_champion(registry) == first.version
        assert any("its request was closed before" in fault for fault in ledger_as_text("tiny")[1])

    def test_a_rejected_request_is_not_promoted(self, registry):
        registry.evaluate(made := registry.version("clear"))
        decide_review(MODEL, made.version, ReviewAnswer("reject", "A. Person"))
        request = registry.records("request")[-1]
        append_forged(registry, "approval", made.version, by="B. Person", request=request.hash)
        append_forged(registry, "promotion", made.version, by="B. Person", request=request.hash)
        assert recorded_champion(registry) == ""

    def test_a_forged_promotion_does_not_close_the_request(self, registry):
        registry.evaluate(made := registry.version("clear"))
        request = registry.records("request")[-1]
        append_forged(registry, "promotion", made.version, request=request.hash)
        assert decide_review(MODEL, made.version, APPROVE).aliases == ("champion",)

    def test_a_seal_of_a_ledger_that_needs_none_counts_for_nothing(self, registry):
        champion, other = registry.champion("clear"), registry.version("faint")
        promotions = f'[{{"version": "{other.version}", "model_sha256": "", "created": ""}}]'
        append_forged(registry, "seal", "", promotions=promotions, head="")
        assert recorded_champion(registry) == champion.version
        assert any("is no seal" in fault for fault in ledger_as_text("tiny")[1])

    def test_a_rollback_to_anything_but_the_previous_champion_is_none(self, registry):
        first, _, third = registry.champion("faint"), registry.champion("faint", "clear"), registry.champion("clear")
        append_forged(registry, "rollback", first.version, by="A. Person", reason="mine")
        assert recorded_champion(registry) == third.version


JUNK = dict.fromkeys(("acknowledged", "acknowledge", "promotions", "tags", "rules", "request", "statement"), "{no JSON")
# Kinds whose facts are read; the others have the tests of their own.
READ = ("registration", "evaluation", "verdict", "request", "approval", "seal")
FORGED = [*((kind, JUNK) for kind in READ), *((kind, {}) for kind in READ[:4])]


class TestForgedRecordsThatLackFacts:
    @pytest.mark.parametrize(("kind", "facts"), FORGED)
    def test_every_command_goes_on_or_names_the_record(self, registry, score, kind, facts):
        champion = registry.champion("faint")
        registry.evaluate(waiting := registry.version("clear"))
        forged = append_forged(registry, kind, waiting.version, by="A. Person", **facts)
        commands = (
            score,
            pending_reviews,
            lambda: ledger_as_text("tiny", why=True),
            lambda: restore_from_ledger("tiny"),
            lambda: decide_review(MODEL, waiting.version, APPROVE),
        )
        refusals = []
        for command in commands:
            try:
                command()
            except EvenhandError as error:
                refusals.append(str(error))
        assert all(f"record {forged.seq}" in text or "review" in text for text in refusals)
        assert not any("Error:" in text for text in refusals)
        assert recorded_champion(registry) in (champion.version, waiting.version)

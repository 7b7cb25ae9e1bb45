"""A decision needs a name, is valid only for what was reviewed, and alone moves the alias."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from evenhand.errors import GateError
from evenhand.gate.verdict import error_verdict
from tasks.local.command_line import run_command
from tasks.review import approve
from tasks.review.decide import ReviewAnswer, decide_review
from tasks.review.pending_reviews import pending_review, pending_reviews
from tasks.review.request_review import request_review
from tasks.review.terminal import ReviewOptions, review_at_terminal, review_text
from tasks.settings import settings
from tests.edges.tiny_registry import MODEL, PROBLEM, WITHOUT_REVIEW, cached_state, promote_alias, registry

__all__ = ["registry"]
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def pending(registry):
    """A version with a pending review; there is no champion."""

    def make():
        made = registry.version("clear")
        registry.evaluate(made)
        return made

    return cached_state("pending", make)


class TestRequests:
    def test_a_version_that_passed_has_a_pending_review_with_its_case(self, registry, pending):
        (review,) = pending_reviews()
        assert (review.name, review.version, review.compared_with) == (MODEL, pending.version, "")
        assert review.verdict.outcome == "promote (first)"
        page = review_text(review)
        assert "promote (first)" in page.splitlines()[1]
        assert str(settings().runs / "20260101-tiny") in page
        assert pending.run_id in page

    def test_the_same_review_is_requested_once(self, registry):
        made = registry.version("clear")
        for _ in range(2):
            registry.evaluate(made)
        assert len(registry.records("request")) == len(pending_reviews()) == 1

    def test_a_version_that_did_not_pass_has_no_review(self, registry):
        registry.champion("clear")
        registry.evaluate(registry.version("faint"))
        assert pending_reviews() == []

    def test_a_later_verdict_that_does_not_pass_closes_the_review(self, registry, pending):
        status = request_review.fn(PROBLEM, pending, error_verdict("broken", "macro_f1"))
        assert "not promoted" in status
        assert registry.tags(pending)["review"] == "void"

    def test_registered_models_of_other_projects_are_ignored(self, registry, pending):
        registry.client.create_registered_model("other")
        other = registry.client.create_model_version("other", "file:///tmp/nothing", tags={"review": "pending"})
        assert [review.name for review in pending_reviews()] == [MODEL]
        assert other.name == "other"


class TestApproval:
    def test_it_moves_the_alias_and_records_who_and_why(self, registry, pending):
        decision = decide_review(MODEL, pending.version, ReviewAnswer("approve", " A.  Person ", "looks right"))
        assert (decision.state, decision.reviewer, decision.aliases) == ("approved", "A. Person", ("champion",))
        assert registry.aliases() == {"champion": pending.version}
        tags = registry.tags(pending)
        assert (tags["review"], tags["reviewer"], tags["review_comment"]) == ("approved", "A. Person", "looks right")
        assert tags["review_decided_at"].endswith("+00:00")

    def test_a_review_is_decided_once(self, pending):
        decide_review(MODEL, pending.version, ReviewAnswer("approve", "A. Person"))
        for decision in ("approve", "reject"):
            with pytest.raises(GateError, match=r"approved by A\. Person"):
                decide_review(MODEL, pending.version, ReviewAnswer(decision, "B. Person"))

    def test_the_previous_champion_is_a_tag_of_the_model(self, registry):
        first, better = registry.champion("faint"), registry.version("clear")
        registry.evaluate(better)
        decide_review(MODEL, better.version, ReviewAnswer("approve", "A. Person"))
        assert registry.aliases() == {"champion": better.version}
        assert registry.client.get_registered_model(MODEL).tags["previous_champion"] == first.version


class TestRejection:
    def test_it_leaves_the_alias_and_records_who_and_why(self, registry, pending):
        decide_review(MODEL, pending.version, ReviewAnswer("reject", "A. Person", "too slow"))
        tags = registry.tags(pending)
        assert (tags["review"], tags["reviewer"], tags["review_comment"]) == ("rejected", "A. Person", "too slow")
        assert registry.aliases() == {"challenger": pending.version}

    def test_the_same_verdict_does_not_request_another_review(self, registry, pending):
        decide_review(MODEL, pending.version, ReviewAnswer("reject", "A. Person"))
        assert "was rejected by A. Person" in registry.evaluate(pending)[1]
        assert pending_reviews() == []


class TestRefused:
    @pytest.mark.parametrize("name", ["", "  ", "\n"])
    def test_a_decision_without_a_name_is_refused(self, registry, pending, name):
        with pytest.raises(GateError, match="name of its reviewer"):
            decide_review(MODEL, pending.version, ReviewAnswer("approve", name))
        assert registry.tags(pending)["review"] == "pending"
        assert registry.aliases() == {"challenger": pending.version}

    @pytest.mark.parametrize("version", ["9", "1"])
    def test_a_version_without_a_pending_review_can_not_be_decided(self, registry, version):
        registry.version("clear")
        with pytest.raises(GateError, match=f"version {version}"):
            decide_review(MODEL, version, ReviewAnswer("approve", "A. Person"))
        with pytest.raises(GateError):
            pending_review(MODEL, version)
        assert "champion" not in registry.aliases()


class TestVoid:
    def assert_void(self, registry, registered, reason):
        before = registry.aliases()
        with pytest.raises(GateError, match=reason):
            decide_review(MODEL, registered.version, ReviewAnswer("approve", "A. Person"))
        assert registry.aliases() == before
        assert registry.tags(registered)["review"] == "void"
        assert "reviewer" not in registry.tags(registered)
        with pytest.raises(GateError, match="void"):
            decide_review(MODEL, registered.version, ReviewAnswer("approve", "A. Person"))

    def test_another_champion_voids_the_review(self, registry, pending):
        registry.champion("faint")
        self.assert_void(registry, pending, "compared with no champion, and the champion is now version 2")

    def test_a_promotion_at_the_same_time_voids_it_and_is_no_alias_by_hand(self, registry, pending, monkeypatch):
        registry.evaluate(other := registry.version("faint", "clear"))
        check, meanwhile = approve.standing_champion, [other.version]

        def standing_champion(*args):
            if meanwhile:  # another process promotes between the reading of the ledger and that of the alias
                decide_review(MODEL, meanwhile.pop(), ReviewAnswer("approve", "B. Person"))
            return check(*args)

        monkeypatch.setattr(approve, "standing_champion", standing_champion)
        with pytest.raises(GateError, match=f"void: .* the champion is now version {other.version}"):
            decide_review(MODEL, pending.version, ReviewAnswer("approve", "A. Person"))
        assert registry.aliases() == {"champion": other.version}

    @pytest.mark.parametrize("fact", ["identity", "trained_by"])
    def test_a_changed_fact_of_the_training_voids_the_review(self, registry, pending, fact):
        registry.client.set_model_version_tag(MODEL, pending.version, fact, "other")
        self.assert_void(registry, pending, f"tag {fact} of {MODEL} version {pending.version} is 'other'")

    def test_tags_that_only_repeat_the_ledger_change_nothing(self, registry, pending):
        for tag in ("verdict", "verdict_champion", "review", "review_digest", "gate_report_sha256"):
            registry.client.set_model_version_tag(MODEL, pending.version, tag, "other")
        decision = decide_review(MODEL, pending.version, ReviewAnswer("approve", "A. Person"))
        assert decision.aliases == ("champion",)
        assert registry.tags(pending)["review"] == "approved"

    def test_a_forged_request_for_a_rejected_version_is_void(self, registry):
        registry.champion("clear")
        worse = registry.version("faint")
        verdict, _ = registry.evaluate(worse)
        forged = verdict.model_copy(update={"outcome": "promote"})
        request_review.fn(PROBLEM, worse, forged)
        self.assert_void(registry, worse, "the gate did not pass it")

    def test_after_another_verdict_it_can_be_approved(self, registry):
        made, other = registry.version("faint", "clear"), registry.version("faint")
        registry.evaluate(made)
        promote_alias(MODEL, other.version)
        self.assert_void(registry, made, "compared with no champion")
        assert registry.evaluate(made)[0].outcome == "promote"
        assert decide_review(MODEL, made.version, ReviewAnswer("approve", "A. Person")).aliases == ("champion",)


class TestTerminal:
    @pytest.fixture
    def answer(self, monkeypatch, capsys):
        def run(*lines, **options):
            monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
            review_at_terminal(ReviewOptions(**options))
            return capsys.readouterr().out

        return run

    def test_without_a_pending_review_it_only_prints_so(self, registry, answer):
        assert "No review is pending" in answer()

    def test_it_shows_the_case_and_asks_until_the_answer_is_valid(self, registry, pending, answer):
        shown = answer("y", "approve", "A. Person", "fine")
        assert "compared with" in shown
        assert "'y' is neither approve nor reject" in shown
        assert "approved by A. Person" in shown
        assert registry.aliases() == {"champion": pending.version}
        assert registry.tags(pending)["review_comment"] == "fine"

    @pytest.mark.parametrize("lines", [(), ("",)])
    def test_without_an_answer_nothing_is_decided(self, registry, pending, answer, lines):
        assert "Nothing was decided" in answer(*lines)
        assert registry.tags(pending)["review"] == "pending"

    def test_an_approval_without_a_name_is_refused(self, registry, pending, answer):
        with pytest.raises(GateError, match="name of its reviewer"):
            answer("approve")
        assert registry.tags(pending)["review"] == "pending"

    def test_it_asks_which_of_several(self, registry, pending, answer):
        second = registry.version("faint", "clear")
        registry.evaluate(second)
        with pytest.raises(GateError, match="several reviews"):
            answer(decision="approve", reviewer="A. Person")
        answer("3", "2", "reject", "A. Person", "")
        assert registry.tags(second)["review"] == "rejected"
        assert registry.tags(pending)["review"] == "pending"

    def test_a_decision_without_a_pending_review_is_an_error(self, registry, answer):
        with pytest.raises(GateError, match="no review is pending"):
            answer(decision="approve", reviewer="A. Person")


class TestCommand:
    @pytest.fixture
    def command(self, monkeypatch, capsys):
        def run(*options):
            monkeypatch.setattr(sys, "argv", ["promote", *options])
            with pytest.raises(SystemExit) as stopped:
                run_command(ReviewOptions, review_at_terminal)
            return stopped.value.code, capsys.readouterr()

        return run

    def test_options_are_enough_to_approve(self, registry, pending):
        options = [
            "--problem",
            "tiny",
            "--version",
            pending.version,
            "--decision",
            "approve",
            "--reviewer",
            "A. Person",
        ]
        command = [sys.executable, "-m", "flows.promote", *options]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert "approved by A. Person" in done.stdout
        assert registry.aliases() == {"champion": pending.version}

    def test_an_error_is_one_line_and_exit_code_1(self, registry, pending, command):
        code, shown = command("--problem", "tiny", "--version", "9")
        assert code == 1
        assert "evenhand-tiny version 9" in shown.err
        assert "Traceback" not in shown.err
        assert len(shown.err.strip().splitlines()) == 1

    def test_help_lists_every_option(self, command):
        code, shown = command("--help")
        assert code == 0
        for option in ReviewOptions.model_fields:
            assert f"--{option}" in shown.out
        assert "moves alias champion" in " ".join(shown.out.split())


def test_without_a_review_policy_nothing_is_pending(registry):
    made = registry.version("clear")
    registry.evaluate(made, WITHOUT_REVIEW)
    assert pending_reviews() == []
    assert registry.aliases() == {"champion": made.version}

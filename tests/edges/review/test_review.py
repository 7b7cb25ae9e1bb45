"""A decision needs a name, holds for what was shown alone, and is all that moves the alias."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from evenhand.errors import GateError
from evenhand.gate.verdict import error_verdict
from tasks.local.command_line import run_command
from tasks.review.cases import find_pending, pending_reviews
from tasks.review.decide import decide_review
from tasks.review.file import file_verdict
from tasks.review.terminal import ReviewRequest, describe, review_at_terminal
from tasks.settings import settings
from tests.edges.registry_world import MODEL, PROBLEM, WITHOUT_REVIEW, promote_alias, remembered, world

__all__ = ["world"]
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def pending(world):
    """A version that waits for a decision, and no champion."""

    def make():
        made = world.version("clear")
        world.judge(made)
        return made

    return remembered("pending", make)


class TestFiling:
    def test_a_pass_waits_with_its_case(self, world, pending):
        (review,) = pending_reviews()
        assert (review.problem, review.version, review.compared_with) == ("tiny", pending.version, "")
        assert review.verdict.outcome == "promote (first)"
        page = describe(review)
        assert "promote (first)" in page.splitlines()[1]
        assert str(settings().runs / "20260101-tiny") in page
        assert pending.run_id in page

    def test_filing_twice_is_filing_once(self, world, pending):
        filed_at = world.tags(pending)["review_filed_at"]
        world.judge(pending)
        assert world.tags(pending)["review_filed_at"] == filed_at
        assert len(pending_reviews()) == 1

    def test_what_did_not_pass_is_not_filed(self, world):
        world.champion("clear")
        world.judge(world.version("faint"))
        assert pending_reviews() == []

    def test_a_later_verdict_that_is_no_pass_closes_the_review(self, world, pending):
        status = file_verdict.fn(PROBLEM, pending, error_verdict("broken", "macro_f1"))
        assert "not promoted" in status
        assert world.tags(pending)["review"] == "void"

    def test_registered_models_of_others_are_left_alone(self, world, pending):
        world.client.create_registered_model("theirs")
        theirs = world.client.create_model_version("theirs", "file:///tmp/nothing", tags={"review": "pending"})
        assert [review.name for review in pending_reviews()] == [MODEL]
        assert theirs.name == "theirs"


class TestApproval:
    def test_it_moves_the_alias_and_says_who_and_why(self, world, pending):
        decision = decide_review("tiny", pending.version, "approve", " A.  Person ", "looks right")
        assert (decision.state, decision.reviewer, decision.aliases) == ("approved", "A. Person", ("champion",))
        assert world.aliases() == {"champion": pending.version}
        tags = world.tags(pending)
        assert (tags["review"], tags["reviewer"], tags["review_comment"]) == ("approved", "A. Person", "looks right")
        assert tags["review_decided_at"].endswith("+00:00")

    def test_it_is_taken_once(self, pending):
        decide_review("tiny", pending.version, "approve", "A. Person")
        for decision in ("approve", "reject"):
            with pytest.raises(GateError, match=r"approved by A\. Person"):
                decide_review("tiny", pending.version, decision, "B. Person")

    def test_the_old_champion_is_remembered(self, world):
        first, better = world.champion("faint"), world.version("clear")
        world.judge(better)
        decide_review("tiny", better.version, "approve", "A. Person")
        assert world.aliases() == {"champion": better.version}
        assert world.client.get_registered_model(MODEL).tags["previous_champion"] == first.version


class TestRejection:
    def test_it_leaves_the_alias_and_says_who_and_why(self, world, pending):
        decide_review("tiny", pending.version, "reject", "A. Person", "too slow")
        tags = world.tags(pending)
        assert (tags["review"], tags["reviewer"], tags["review_comment"]) == ("rejected", "A. Person", "too slow")
        assert world.aliases() == {"challenger": pending.version}

    def test_judging_the_same_case_again_does_not_ask_again(self, world, pending):
        decide_review("tiny", pending.version, "reject", "A. Person")
        assert "was rejected by A. Person" in world.judge(pending)[1]
        assert pending_reviews() == []


class TestRefused:
    @pytest.mark.parametrize("name", ["", "  ", "\n"])
    def test_nobody_can_not_decide(self, world, pending, name):
        with pytest.raises(GateError, match="name of its reviewer"):
            decide_review("tiny", pending.version, "approve", name)
        assert world.tags(pending)["review"] == "pending"
        assert world.aliases() == {"challenger": pending.version}

    @pytest.mark.parametrize("version", ["9", "1"])
    def test_what_waits_for_nothing_can_not_be_decided(self, world, version):
        world.version("clear")
        with pytest.raises(GateError, match=f"version {version}"):
            decide_review("tiny", version, "approve", "A. Person")
        with pytest.raises(GateError):
            find_pending("tiny", version)
        assert "champion" not in world.aliases()


class TestVoid:
    def assert_void(self, world, registered, reason):
        before = world.aliases()
        with pytest.raises(GateError, match=reason):
            decide_review("tiny", registered.version, "approve", "A. Person")
        assert world.aliases() == before
        assert world.tags(registered)["review"] == "void"
        assert "reviewer" not in world.tags(registered)
        with pytest.raises(GateError, match="void"):
            decide_review("tiny", registered.version, "approve", "A. Person")

    def test_when_the_champion_is_another_by_now(self, world, pending):
        world.champion("faint")
        self.assert_void(world, pending, "compared with no champion, and the champion is now version 2")

    def test_when_the_champion_is_gone(self, world):
        first, better = world.champion("faint"), world.version("clear")
        world.judge(better)
        world.client.delete_registered_model_alias(MODEL, "champion")
        self.assert_void(world, better, f"compared with version {first.version}, and the champion is now none")

    @pytest.mark.parametrize(
        "tag", ["identity", "verdict_champion", "config_sha256", "policy_sha256", "trained_by", "data_sha256"]
    )
    def test_when_what_was_judged_is_changed(self, world, pending, tag):
        changed = world.tags(pending).get(tag, "") + "0"
        world.client.set_model_version_tag(MODEL, pending.version, tag, changed)
        self.assert_void(world, pending, "changed after the review was filed")

    def test_when_a_verdict_that_is_no_pass_was_filed_by_hand(self, world):
        world.champion("clear")
        worse = world.version("faint")
        verdict, _ = world.judge(worse)
        forged = verdict.model_copy(update={"outcome": "promote"})
        file_verdict.fn(PROBLEM, worse, forged)
        self.assert_void(world, worse, "the gate did not pass it")

    def test_judged_again_it_can_be_approved(self, world):
        made, other = world.version("faint", "clear"), world.version("faint")
        world.judge(made)
        promote_alias(MODEL, other.version, "A. Person", "")
        self.assert_void(world, made, "compared with no champion")
        assert world.judge(made)[0].outcome == "promote"
        assert decide_review("tiny", made.version, "approve", "A. Person").aliases == ("champion",)


class TestTerminal:
    @pytest.fixture
    def answer(self, monkeypatch, capsys):
        def run(*lines, **options):
            monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
            review_at_terminal(ReviewRequest(**options))
            return capsys.readouterr().out

        return run

    def test_nothing_waits(self, world, answer):
        assert "No review is pending" in answer()

    def test_it_shows_the_case_and_asks_until_it_understands(self, world, pending, answer):
        shown = answer("y", "approve", "A. Person", "fine")
        assert "held against" in shown
        assert "'y' is neither" in shown
        assert "approved by A. Person" in shown
        assert world.aliases() == {"champion": pending.version}
        assert world.tags(pending)["review_comment"] == "fine"

    @pytest.mark.parametrize("lines", [(), ("",)])
    def test_no_answer_decides_nothing(self, world, pending, answer, lines):
        assert "Nothing was decided" in answer(*lines)
        assert world.tags(pending)["review"] == "pending"

    def test_an_approval_without_a_name_is_refused(self, world, pending, answer):
        with pytest.raises(GateError, match="name of its reviewer"):
            answer("approve")
        assert world.tags(pending)["review"] == "pending"

    def test_it_asks_which_of_several(self, world, pending, answer):
        second = world.version("faint", "clear")
        world.judge(second)
        with pytest.raises(GateError, match="several reviews"):
            answer(decision="approve", reviewer="A. Person")
        answer("3", "2", "reject", "A. Person", "")
        assert world.tags(second)["review"] == "rejected"
        assert world.tags(pending)["review"] == "pending"

    def test_a_decision_on_nothing_is_an_error(self, world, answer):
        with pytest.raises(GateError, match="no review is pending"):
            answer(decision="approve", reviewer="A. Person")


class TestCommand:
    @pytest.fixture
    def command(self, monkeypatch, capsys):
        def run(*options):
            monkeypatch.setattr(sys, "argv", ["promote", *options])
            with pytest.raises(SystemExit) as stopped:
                run_command(ReviewRequest, review_at_terminal)
            return stopped.value.code, capsys.readouterr()

        return run

    def test_options_alone_approve(self, world, pending):
        told = ["--problem", "tiny", "--version", pending.version, "--decision", "approve", "--reviewer", "A. Person"]
        command = [sys.executable, "-m", "flows.promote", *told]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert "approved by A. Person" in done.stdout
        assert world.aliases() == {"champion": pending.version}

    def test_an_error_is_one_paragraph_and_an_exit_code(self, world, pending, command):
        code, shown = command("--problem", "tiny", "--version", "9")
        assert code == 1
        assert "evenhand-tiny version 9" in shown.err
        assert "Traceback" not in shown.err
        assert len(shown.err.strip().splitlines()) == 1

    def test_help_explains_every_option(self, command):
        code, shown = command("--help")
        assert code == 0
        for option in ReviewRequest.model_fields:
            assert f"--{option}" in shown.out
        assert "moves alias champion" in " ".join(shown.out.split())


def test_without_review_nothing_is_filed(world):
    made = world.version("clear")
    world.judge(made, WITHOUT_REVIEW)
    assert pending_reviews() == []
    assert world.aliases() == {"champion": made.version}

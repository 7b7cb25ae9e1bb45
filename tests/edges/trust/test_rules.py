"""The rules are those of the problem's own file, and a change of them is approved by the reviewers it would replace."""

import pytest
import yaml

from evenhand.errors import GateError, ProblemError
from evenhand.problem import parse_problem
from evenhand.training.tuning import asked_to_tune
from tasks.data.problems import load_problem
from tasks.gate.run_gate import run_gate
from tasks.registry.model_versions import model_name
from tasks.registry.problem_rules import check_governing_file
from tasks.review.decide import ReviewAnswer, decide_review
from tasks.review.pending_reviews import pending_review
from tasks.review.request_review import request_review
from tasks.settings import settings
from tests.edges.tiny_registry import MODEL, PROBLEM, registry
from tests.edges.trust.keys import approve, key, problem_with

__all__ = ["registry"]


def raw(**changes):
    return {**PROBLEM.model_dump(mode="json", exclude_unset=True), **changes}


@pytest.fixture
def elsewhere(tmp_path):
    """Return a function that writes a file of the same name in another folder, and reads it."""

    def write(**changes):
        path = tmp_path / "other.yaml"
        path.write_text(yaml.safe_dump(raw(**changes)), encoding="utf-8")
        return load_problem(str(path))

    return write


@pytest.fixture
def by_ann(registry):
    """A champion that Ann has approved."""
    problem = problem_with("Ann")
    registry.evaluate(made := registry.version("faint"), problem)
    approve(made, "Ann")
    assert registry.aliases() == {"champion": made.version}
    return problem


class TestAnotherFile:
    def test_a_second_file_with_the_name_is_refused(self, registry, by_ann, elsewhere):
        loose = elsewhere(review="never")
        with pytest.raises(ProblemError, match=r"`name: tiny` belongs to .*tiny\.yaml"):
            check_governing_file(loose, MODEL, registry.records())
        made = registry.version("clear")
        verdict = run_gate.fn(loose, registry.holdout, made)
        assert verdict.outcome == "error"
        assert "belongs to" in verdict.reasons[0]
        assert registry.aliases()["champion"] != made.version

    def test_the_same_content_elsewhere_is_the_same_file(self, registry, by_ann, elsewhere):
        declared = by_ann.model_dump(mode="json", exclude_unset=True)
        check_governing_file(elsewhere(**declared), MODEL, registry.records())

    def test_without_a_file_in_problems_the_first_promotion_fixes_the_rules(self, registry, elsewhere, tmp_path):
        (settings().problems / "tiny.yaml").unlink()
        own = elsewhere()
        made = registry.version("clear")
        request_review.fn(own, made, run_gate.fn(own, registry.holdout, made))
        assert decide_review(MODEL, made.version, ReviewAnswer("approve", "A. Person")).state == "approved"
        other = parse_problem(raw(review="never"), "x").read_from(str(tmp_path / "third.yaml"))
        with pytest.raises(ProblemError, match=r"belongs to .*other\.yaml"):
            check_governing_file(other, MODEL, registry.records())
        check_governing_file(elsewhere(quorum=1), MODEL, registry.records())


class TestLooserRules:
    @pytest.mark.parametrize(
        "changes",
        [
            {"review": "never", "reviewers": []},
            {"reviewers": []},
            {"reviewers": [{"name": "Eve", "key": key("Eve")}]},
            {"gate": {"resamples": 200, "tolerance": 0.5}},
            {"gate": {"resamples": 200, "evaluations": 100}},
        ],
    )
    def test_reviewers_of_the_rules_in_force_must_agree(self, registry, by_ann, changes):
        loose = parse_problem({**by_ann.model_dump(mode="json", exclude_unset=True), **changes}, "x")
        made = registry.version("clear")
        verdict, status = registry.evaluate(made, loose)
        assert verdict.outcome == "promote"
        assert "waits for a review" in status
        assert registry.aliases()["champion"] != made.version
        review = pending_review(MODEL, made.version)
        assert "differ from those in force" in review.changed_rules
        if "Eve" in review.reviewers:
            assert approve(made, "Eve").lacks.endswith(
                "by the rules in force, which this version's problem file changes"
            )
        approve(made, "Ann")
        assert registry.aliases()["champion"] == made.version

    def test_the_reviewers_of_the_new_rules_must_agree_as_well(self, registry, by_ann):
        made = registry.version("clear")
        registry.evaluate(made, problem_with("Bob"))
        assert approve(made, "Ann").state == "pending"
        assert approve(made, "Bob").state == "approved"


class TestFileAtApproval:
    def test_without_the_file_nothing_is_approved_and_nothing_is_lost(self, registry):
        registry.evaluate(made := registry.version("clear"))
        path = settings().problems / "tiny.yaml"
        text = path.read_text()
        for broken in (None, "name: [", "name: tiny"):
            path.unlink() if broken is None else path.write_text(broken)
            with pytest.raises(GateError, match="can't be read, so its rules are not known here"):
                decide_review(MODEL, made.version, ReviewAnswer("approve", "A. Person"))
        path.write_text(text)
        assert decide_review(MODEL, made.version, ReviewAnswer("approve", "A. Person")).state == "approved"

    def test_what_a_command_leaves_out_of_the_file_is_no_change_of_the_rules(self, registry):
        tuned = raw(tuning=[{"model": "lightgbm", "strategy": "none"}])
        (settings().problems / "tiny.yaml").write_text(yaml.safe_dump(tuned))
        problem = asked_to_tune(load_problem("tiny"), False)
        assert problem != load_problem("tiny")
        for number in range(2):
            made = registry.version("clear" if number else "faint")
            request_review.fn(problem, made, run_gate.fn(problem, registry.holdout, made))
            assert decide_review(MODEL, made.version, ReviewAnswer("approve", "A. Person")).state == "approved"

    def test_rules_that_changed_after_the_request_void_it(self, registry):
        registry.evaluate(made := registry.version("clear"))
        (settings().problems / "tiny.yaml").write_text(yaml.safe_dump(raw(gate={"resamples": 200, "margin": 0.0})))
        with pytest.raises(GateError, match="its policy changed"):
            decide_review(MODEL, made.version, ReviewAnswer("approve", "A. Person"))


def test_a_quick_model_has_the_rules_of_its_problem(registry):
    name = model_name("tiny-quick")
    assert (name, model_name(name)) == ("evenhand-tiny-quick", name)

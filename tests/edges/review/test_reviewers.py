"""Reviewers are identified, nobody approves alone what they trained, and nothing bypasses the review."""

import ast
import hashlib
import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from evenhand.audit.review_state import decision_digest, latest_request
from evenhand.errors import GateError, ProblemError
from evenhand.problem import GatePolicy, ReviewPolicy, parse_problem
from flows.rollback import rollback
from tasks.registry.accounts import training_accounts
from tasks.review import requests as review_requests
from tasks.review.decide import ReviewAnswer, decide_review
from tasks.review.pending_reviews import approval_code, pending_review, pending_reviews
from tasks.review.request_review import request_review
from tasks.review.reviewers import sign
from tasks.review.rollback import RollbackRequest, roll_back, rollback_code
from tasks.review.terminal import ReviewOptions, review_at_terminal
from tasks.settings import ROOT, settings
from tests.edges.tiny_registry import MODEL, PROBLEM, cached_state, log, registry

__all__ = ["registry"]
KEYS = {"Ann": "a" * 40, "Bob": "b" * 40, "Cy": "c" * 40}


def declared(name):
    fingerprint = hashlib.sha256(KEYS[name].encode()).hexdigest()
    return {"name": name, "key": f"env:KEY_OF_{name.upper()}", "fingerprint": fingerprint, "user": name.lower()}


def problem(*names, **rules):
    raw = PROBLEM.model_dump(mode="json", exclude_unset=True)
    return parse_problem({**raw, "reviewers": [declared(name) for name in names], **rules}, "tiny.yaml")


@pytest.fixture
def keys(monkeypatch):
    """Every key is in the environment, and Ann trains."""
    for name, key in KEYS.items():
        monkeypatch.setenv(f"KEY_OF_{name.upper()}", key)
    monkeypatch.setenv("EVENHAND_USER", "ann")


@pytest.fixture
def filed(registry, keys):
    """Return a function that creates a version with a pending review, for a problem."""

    def file(spec, name):
        def make():
            made = registry.version("clear")
            registry.evaluate(made, spec)
            return made

        return cached_state(f"reviewers-{name}", make)

    return file


@pytest.fixture
def pending(filed):
    """A version that Ann trained and Bob or Cy may approve."""
    return filed(problem("Ann", "Bob", "Cy"), "three")


class TestKeys:
    def test_a_reviewer_with_the_key_approves(self, registry, pending):
        assert decide_review("tiny", pending.version, ReviewAnswer("approve", "Bob", "fine")).state == "approved"
        assert registry.aliases() == {"champion": pending.version}

    def test_the_signature_is_stored_and_the_key_is_not(self, registry, pending, caplog):
        caplog.set_level(logging.DEBUG)
        decide_review("tiny", pending.version, ReviewAnswer("approve", "Bob"))
        (record,) = registry.records("approval")
        assert len(record.facts["signature"]) == 64
        assert KEYS["Bob"] not in caplog.text
        stored = (settings().home / "mlflow.db").read_bytes()
        assert record.facts["signature"].encode() in stored
        assert KEYS["Bob"].encode() not in stored

    @pytest.mark.parametrize("decision", ["approve", "reject"])
    @pytest.mark.parametrize(
        ("key", "reason"),
        [
            (None, "empty or missing"),
            ("", "empty or missing"),
            ("short", "5 characters"),
            ("x" * 40, "does not match the declared fingerprint"),
        ],
    )
    def test_without_the_right_key_nobody_decides_as_bob(self, registry, pending, monkeypatch, decision, key, reason):
        monkeypatch.delenv("KEY_OF_BOB") if key is None else monkeypatch.setenv("KEY_OF_BOB", key)
        before = registry.records()
        with pytest.raises(GateError, match=reason) as refused:
            decide_review("tiny", pending.version, ReviewAnswer(decision, "Bob"))
        assert KEYS["Bob"] not in str(refused.value)
        assert registry.records() == before
        assert "champion" not in registry.aliases()

    def test_only_declared_reviewers_decide(self, registry, pending):
        with pytest.raises(GateError, match="Dan is not among the declared reviewers; allowed: Ann, Bob, Cy"):
            decide_review("tiny", pending.version, ReviewAnswer("approve", "Dan"))
        assert "champion" not in registry.aliases()

    def test_a_signature_made_elsewhere_is_checked(self, registry, pending):
        request = latest_request(registry.records(), pending.version)
        policy = request.policy
        rejection, approval = (decision_digest(request.record, choice, "Bob") for choice in ("reject", "approve"))
        for wrong in ("", "00" * 32, sign(policy, "Bob", rejection), sign(policy, "Cy", approval)):
            with pytest.raises(GateError, match="not that of Bob"):
                decide_review("tiny", pending.version, ReviewAnswer("approve", "Bob", signature=wrong))
        right = sign(policy, "Bob", approval)
        assert (
            decide_review("tiny", pending.version, ReviewAnswer("approve", "Bob", signature=right)).state == "approved"
        )

    def test_a_rollback_needs_the_key_too(self, registry, pending, monkeypatch):
        decide_review("tiny", pending.version, ReviewAnswer("approve", "Bob"))
        registry.champion("faint")
        monkeypatch.setenv("KEY_OF_BOB", "x" * 40)
        with pytest.raises(GateError, match="does not match the declared fingerprint"):
            roll_back(RollbackRequest(problem="tiny", reason="worse", reviewer="Bob"))
        assert roll_back(RollbackRequest(problem="tiny", reason="worse", reviewer="Cy")).version == pending.version

    def test_a_form_without_a_code_does_not_use_the_key_of_the_worker(self, registry, pending):
        decide_review("tiny", pending.version, ReviewAnswer("approve", "Bob"))
        registry.champion("faint")
        request = RollbackRequest(problem="tiny", reason="worse", reviewer="Cy")
        with pytest.raises(GateError, match="the signature is not that of Cy"):
            rollback.fn(request)
        code = rollback_code(request)
        with pytest.raises(GateError, match="the signature is not that of Bob"):
            rollback.fn(request.model_copy(update={"reviewer": "Bob", "signature": code}))
        assert rollback.fn(request.model_copy(update={"signature": code})).version == pending.version

    def test_a_code_replaces_the_key_for_one_decision(self, registry, pending):
        code = approval_code("tiny", pending.version, "approve", "Bob")
        assert registry.records("approval") == []
        with pytest.raises(GateError, match="not that of Bob"):
            decide_review("tiny", pending.version, ReviewAnswer("reject", "Bob", signature=code))
        assert decide_review("tiny", pending.version, ReviewAnswer("approve", "Bob", signature=code)).signature == code

    def test_an_answer_to_another_request_is_refused(self, registry, pending):
        with pytest.raises(GateError, match="requested again after it was shown"):
            decide_review("tiny", pending.version, ReviewAnswer("approve", "Bob", request="0" * 64))
        assert registry.records("approval", "void", "promotion") == []
        shown = pending_review("tiny", pending.version).request
        assert decide_review("tiny", pending.version, ReviewAnswer("approve", "Bob", request=shown)).state == "approved"

    def test_without_declared_reviewers_there_is_no_code(self, registry):
        registry.evaluate(made := registry.version("clear"))
        with pytest.raises(GateError, match="declares no reviewers"):
            approval_code("tiny", made.version, "approve", "Bob")

    def test_the_command_prints_only_the_code(self, registry, pending, capsys):
        options = {
            "problem": "tiny",
            "version": pending.version,
            "decision": "approve",
            "reviewer": "Bob",
            "code": True,
        }
        review_at_terminal(ReviewOptions(**options))
        assert capsys.readouterr().out.strip() == approval_code("tiny", pending.version, "approve", "Bob")
        assert registry.records("approval") == []


class TestRequiredApprovals:
    def test_the_trainer_can_not_approve_alone(self, registry, pending):
        alone = decide_review("tiny", pending.version, ReviewAnswer("approve", "Ann"))
        assert (alone.state, alone.lacks) == ("pending", "the approval of somebody who did not train it")
        assert registry.aliases() == {"challenger": pending.version}
        assert pending_review("tiny", pending.version).approved_by == ("Ann",)
        assert decide_review("tiny", pending.version, ReviewAnswer("approve", "Cy")).state == "approved"

    def test_a_name_in_the_environment_adds_an_account_and_removes_none(self, monkeypatch):
        monkeypatch.delenv("EVENHAND_USER", raising=False)
        before = set(training_accounts().split(", "))
        monkeypatch.setenv("EVENHAND_USER", "somebody else")
        monkeypatch.setenv("LOGNAME", "another")
        assert before <= set(training_accounts().split(", ")) | {os.environ.get("USER")}
        assert {"somebody else", "another"} < set(training_accounts().split(", "))

    def test_when_the_trainer_is_unknown_nobody_approves_alone(self, registry, keys):
        made = registry.version("clear")
        registry.client.delete_model_version_tag(MODEL, made.version, "trained_by")
        registry.evaluate(made, problem("Ann", "Bob"))
        assert decide_review("tiny", made.version, ReviewAnswer("approve", "Bob")).state == "pending"
        assert "champion" not in registry.aliases()

    def test_a_quorum_of_two_needs_two_reviewers(self, registry, filed):
        made = filed(problem("Ann", "Bob", "Cy", quorum=2), "quorum")
        for _ in range(2):
            assert (
                decide_review("tiny", made.version, ReviewAnswer("approve", "Bob")).lacks == "approvals (1 of 2 so far)"
            )
        assert len(registry.records("approval")) == 1
        assert decide_review("tiny", made.version, ReviewAnswer("approve", "Cy")).state == "approved"
        assert registry.records("promotion")[0].by == "Bob, Cy"

    def test_one_rejection_closes_the_review(self, registry, filed):
        made = filed(problem("Ann", "Bob", "Cy", quorum=2), "quorum")
        decide_review("tiny", made.version, ReviewAnswer("approve", "Bob"))
        decide_review("tiny", made.version, ReviewAnswer("reject", "Cy", "no"))
        with pytest.raises(GateError, match="rejected by Cy"):
            decide_review("tiny", made.version, ReviewAnswer("approve", "Ann"))
        assert "champion" not in registry.aliases()
        assert [r.by for r in registry.records("void") if r.facts.get("late")] == ["Ann"]

    @pytest.mark.parametrize(
        ("names", "rules", "reason"),
        [
            (["Ann"], {"quorum": 2}, "2 approvals of 1"),
            ([], {"quorum": 2}, "2 approvals of 0"),
            ([], {"four_eyes": True}, "needs declared reviewers"),
            (["Ann"], {"review": "never"}, "allowed is one of the two"),
            (["Ann", "Ann"], {}, "named twice"),
            (["Ann"], {"expires_days": 0}, "expires_days"),
        ],
    )
    def test_rules_that_contradict_each_other_are_refused(self, names, rules, reason):
        with pytest.raises(ProblemError, match=reason):
            problem(*names, **rules)

    @pytest.mark.parametrize("key", ["a" * 40, "file:/etc/passwd", "env:", "env:A B"])
    def test_a_key_must_be_a_reference(self, key):
        with pytest.raises(ProblemError, match=r"reviewers\.0\.key"):
            problem(reviewers=[declared("Ann") | {"key": key}])

    def test_four_eyes_are_the_default_with_two_reviewers(self):
        assert [problem(*names).review_policy.four_eyes for names in (["Ann"], ["Ann", "Bob"])] == [False, True]
        assert not problem("Ann", "Bob", four_eyes=False).review_policy.four_eyes


class TestExpiry:
    @pytest.fixture
    def late(self, filed, monkeypatch):
        made = filed(problem("Ann", "Bob", expires_days=7), "expiry")
        later = datetime.now(UTC) + timedelta(days=7, seconds=5)
        monkeypatch.setattr(review_requests, "now", lambda: later.isoformat(timespec="seconds"))
        return made

    def test_before_the_deadline_the_review_is_pending(self, filed):
        filed(problem("Ann", "Bob", expires_days=7), "expiry")
        assert len(pending_reviews()) == 1

    @pytest.mark.parametrize("decision", ["approve", "reject"])
    def test_after_the_deadline_the_review_expires(self, registry, late, decision):
        with pytest.raises(GateError, match="expired"):
            decide_review("tiny", late.version, ReviewAnswer(decision, "Bob"))
        (record,) = registry.records("expiry")
        assert record.reason == "nobody decided within 7 days"
        assert registry.tags(late)["review"] == "rejected"
        assert "champion" not in registry.aliases()

    def test_listing_pending_reviews_closes_an_expired_one(self, registry, late):
        assert pending_reviews() == []
        assert len(registry.records("expiry")) == 1
        assert registry.tags(late)["review"] == "rejected"

    def test_the_next_training_does_not_request_it_again(self, registry, late):
        assert "nobody decided within 7 days" in registry.evaluate(late, problem("Ann", "Bob", expires_days=7))[1]
        assert len(registry.records("request")) == 1


class TestBinding:
    def assert_void(self, registry, made, reason):
        with pytest.raises(GateError, match=reason):
            decide_review("tiny", made.version, ReviewAnswer("approve", "Bob"))
        assert registry.tags(made)["review"] == "void"
        assert "champion" not in registry.aliases()

    def test_an_approval_is_bound_to_the_files_of_the_model(self, registry, keys):
        made = registry.version(logged=log(["clear"]))
        registry.evaluate(made)
        folder = registry.client.get_model_version_download_uri(MODEL, made.version).removeprefix("file://")
        with Path(folder, "MLmodel").open("a") as file:
            file.write("\n")
        self.assert_void(registry, made, "its model changed")

    def test_an_approval_is_bound_to_the_gate_report(self, registry, keys):
        made = registry.version(logged=log(["clear"]))
        verdict, _ = registry.evaluate(made)
        registry.client.log_text(made.run_id, "<p>fine</p>", "gate_report.html")
        request_review.fn(PROBLEM, made, verdict)
        registry.client.log_text(made.run_id, "<p>better than fine</p>", "gate_report.html")
        self.assert_void(registry, made, "its gate report changed")

    @pytest.mark.parametrize(
        ("change", "what"),
        [({"metric": "mcc"}, "config"), ({"gate": {"margin": 0.0}}, "policy"), ({"expires_days": 9}, "policy")],
    )
    def test_an_approval_is_bound_to_the_problem_file(self, registry, monkeypatch, tmp_path, change, what):
        raw = PROBLEM.model_dump(mode="json", exclude_unset=True)
        monkeypatch.setenv("EVENHAND_PROBLEMS", str(tmp_path))
        settings.cache_clear()
        (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(raw))
        made = registry.version("clear")
        registry.evaluate(made)
        (tmp_path / "tiny.yaml").write_text(yaml.safe_dump({**raw, **change}))
        self.assert_void(registry, made, f"its {what} changed")

    def test_an_approval_is_bound_to_the_verdict(self, registry, pending):
        text = registry.tags(pending)["verdict_json"]
        registry.client.set_model_version_tag(MODEL, pending.version, "verdict_json", text.replace("0.", "0.9", 1))
        self.assert_void(registry, pending, "its verdict changed")


class TestBypasses:
    """Known ways around a review must not work."""

    def test_no_environment_variable_bypasses_the_review(self, registry, monkeypatch):
        fields = {*GatePolicy.model_fields, *ReviewPolicy.model_fields}
        names = {*fields, "force", "skip_gate", "skip_review", "auto_approve", "promote", "dry_run", "ci", "debug"}
        values = {"review": "never", "reviewers": "[]", "quorum": "0", "margin": "-1", "min_positives": "0"}
        for name in names:
            for variable in (name, f"EVENHAND_{name}", f"EVENHAND_GATE__{name}", f"GATE_{name}"):
                monkeypatch.setenv(variable.upper(), values.get(name, "1"))
        settings.cache_clear()
        registry.evaluate(made := registry.version("clear"))
        assert registry.aliases() == {"challenger": made.version}
        first = registry.champion("clear")
        assert registry.evaluate(registry.version("faint"))[0].outcome == "reject"
        assert registry.aliases()["champion"] == first.version

    def test_only_keys_and_accounts_are_read_from_the_environment(self):
        reading = {"accounts", "client", "reviewers"}  # account names, the server's address, a reviewer's key
        modules = [path for name in ("gate", "registry", "review") for path in (ROOT / "tasks" / name).glob("*.py")]
        assert len(modules) > 20
        for module in modules:
            if module.stem in reading:
                continue
            tree = ast.parse(module.read_text())
            read = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
            assert not read & {"environ", "getenv"}, module

    def test_the_gate_does_not_approve_its_own_verdict(self, registry, pending):
        for _ in range(3):
            _, status = registry.evaluate(pending, problem("Ann", "Bob", "Cy"))
        assert "waits for a review" in status
        assert registry.records("approval", "promotion") == []
        assert registry.aliases() == {"challenger": pending.version}

    def test_an_approval_takes_effect_without_a_confirmation(self, registry, pending):
        assert not {name for name in ReviewOptions.model_fields if "dry" in name or "confirm" in name}
        decide_review("tiny", pending.version, ReviewAnswer("approve", "Bob"))
        assert registry.aliases() == {"champion": pending.version}
        assert registry.records("promotion")

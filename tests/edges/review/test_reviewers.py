"""Reviewers prove who they are, nobody approves alone what they trained, and nothing gets around the review."""

import ast
import hashlib
import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from evenhand.audit.review_state import decision_digest, request_for
from evenhand.errors import GateError, ProblemError
from evenhand.problem import GatePolicy, ReviewPolicy, parse_problem
from flows.rollback import rollback
from tasks.registry.accounts import who_trains
from tasks.review import requests as review_requests
from tasks.review.cases import approval_code, find_pending, pending_reviews
from tasks.review.decide import decide_review
from tasks.review.file import file_verdict
from tasks.review.reviewers import sign
from tasks.review.rollback import RollbackRequest, roll_back, rollback_code
from tasks.review.terminal import ReviewRequest, review_at_terminal
from tasks.settings import ROOT, settings
from tests.edges.registry_world import MODEL, PROBLEM, log, remembered, world

__all__ = ["world"]
KEYS = {"Ann": "a" * 40, "Bob": "b" * 40, "Cy": "c" * 40}


def declared(name):
    fingerprint = hashlib.sha256(KEYS[name].encode()).hexdigest()
    return {"name": name, "key": f"env:KEY_OF_{name.upper()}", "fingerprint": fingerprint, "user": name.lower()}


def problem(*names, **rules):
    raw = PROBLEM.model_dump(mode="json", exclude_unset=True)
    return parse_problem({**raw, "reviewers": [declared(name) for name in names], **rules}, "tiny.yaml")


@pytest.fixture
def keys(monkeypatch):
    """Every key at hand, and Ann trains."""
    for name, key in KEYS.items():
        monkeypatch.setenv(f"KEY_OF_{name.upper()}", key)
    monkeypatch.setenv("EVENHAND_USER", "ann")


@pytest.fixture
def filed(world, keys):
    def file(given, name):
        def make():
            made = world.version("clear")
            world.judge(made, given)
            return made

        return remembered(f"reviewers-{name}", make)

    return file


@pytest.fixture
def pending(filed):
    """A version that Ann trained and Bob or Cy may approve."""
    return filed(problem("Ann", "Bob", "Cy"), "three")


class TestKeys:
    def test_a_reviewer_with_the_key_approves(self, world, pending):
        assert decide_review("tiny", pending.version, "approve", "Bob", "fine").state == "approved"
        assert world.aliases() == {"champion": pending.version}

    def test_the_signature_is_kept_and_the_key_nowhere(self, world, pending, caplog):
        caplog.set_level(logging.DEBUG)
        decide_review("tiny", pending.version, "approve", "Bob")
        (record,) = world.records("approval")
        assert len(record.facts["signature"]) == 64
        assert KEYS["Bob"] not in caplog.text
        kept = (settings().home / "mlflow.db").read_bytes()
        assert record.facts["signature"].encode() in kept
        assert KEYS["Bob"].encode() not in kept

    @pytest.mark.parametrize("decision", ["approve", "reject"])
    @pytest.mark.parametrize(
        ("key", "reason"),
        [
            (None, "empty or not there"),
            ("", "empty or not there"),
            ("short", "5 characters"),
            ("x" * 40, "not the one"),
        ],
    )
    def test_without_the_key_nobody_is_bob(self, world, pending, monkeypatch, decision, key, reason):
        monkeypatch.delenv("KEY_OF_BOB") if key is None else monkeypatch.setenv("KEY_OF_BOB", key)
        before = world.records()
        with pytest.raises(GateError, match=reason) as refused:
            decide_review("tiny", pending.version, decision, "Bob")
        assert KEYS["Bob"] not in str(refused.value)
        assert world.records() == before
        assert "champion" not in world.aliases()

    def test_only_the_declared_decide(self, world, pending):
        with pytest.raises(GateError, match="Dan is not among the declared reviewers; allowed: Ann, Bob, Cy"):
            decide_review("tiny", pending.version, "approve", "Dan")
        assert "champion" not in world.aliases()

    def test_a_signature_made_elsewhere_is_checked(self, world, pending):
        request = request_for(world.records(), pending.version)
        policy = request.policy
        of_reject, of_cy = (decision_digest(request.record, *told) for told in (("reject", "Bob"), ("approve", "Bob")))
        for wrong in ("", "00" * 32, sign(policy, "Bob", of_reject), sign(policy, "Cy", of_cy)):
            with pytest.raises(GateError, match="not the one of Bob"):
                decide_review("tiny", pending.version, "approve", "Bob", signature=wrong)
        right = sign(policy, "Bob", decision_digest(request.record, "approve", "Bob"))
        assert decide_review("tiny", pending.version, "approve", "Bob", signature=right).state == "approved"

    def test_a_rollback_needs_the_key_too(self, world, pending, monkeypatch):
        decide_review("tiny", pending.version, "approve", "Bob")
        world.champion("faint")
        monkeypatch.setenv("KEY_OF_BOB", "x" * 40)
        with pytest.raises(GateError, match="not the one that is declared"):
            roll_back(RollbackRequest(problem="tiny", reason="worse", reviewer="Bob"))
        assert roll_back(RollbackRequest(problem="tiny", reason="worse", reviewer="Cy")).version == pending.version

    def test_in_a_form_nobody_rolls_back_in_the_name_of_one_whose_key_the_worker_has(self, world, pending):
        decide_review("tiny", pending.version, "approve", "Bob")
        world.champion("faint")
        asked = RollbackRequest(problem="tiny", reason="worse", reviewer="Cy")
        with pytest.raises(GateError, match="the signature is not the one of Cy"):
            rollback.fn(asked)
        code = rollback_code(asked)
        with pytest.raises(GateError, match="the signature is not the one of Bob"):
            rollback.fn(asked.model_copy(update={"reviewer": "Bob", "signature": code}))
        assert rollback.fn(asked.model_copy(update={"signature": code})).version == pending.version

    def test_a_code_stands_for_the_key_in_one_decision(self, world, pending):
        code = approval_code("tiny", pending.version, "approve", "Bob")
        assert world.records("approval") == []
        with pytest.raises(GateError, match="not the one of Bob"):
            decide_review("tiny", pending.version, "reject", "Bob", signature=code)
        assert decide_review("tiny", pending.version, "approve", "Bob", signature=code).signature == code

    def test_an_answer_to_another_request_decides_nothing(self, world, pending):
        with pytest.raises(GateError, match="filed anew"):
            decide_review("tiny", pending.version, "approve", "Bob", request="0" * 64)
        assert world.records("approval", "void", "promotion") == []
        asked = find_pending("tiny", pending.version).request
        assert decide_review("tiny", pending.version, "approve", "Bob", request=asked).state == "approved"

    def test_without_declared_reviewers_there_is_no_code(self, world):
        world.judge(made := world.version("clear"))
        with pytest.raises(GateError, match="declares no reviewers"):
            approval_code("tiny", made.version, "approve", "Bob")

    def test_the_command_prints_the_code_alone(self, world, pending, capsys):
        asked = {"problem": "tiny", "version": pending.version, "decision": "approve", "reviewer": "Bob", "code": True}
        review_at_terminal(ReviewRequest(**asked))
        assert capsys.readouterr().out.strip() == approval_code("tiny", pending.version, "approve", "Bob")
        assert world.records("approval") == []


class TestWhoMustAgree:
    def test_who_trained_can_not_approve_alone(self, world, pending):
        alone = decide_review("tiny", pending.version, "approve", "Ann")
        assert (alone.state, alone.lacks) == ("pending", "who trained it can't approve it alone")
        assert world.aliases() == {"challenger": pending.version}
        assert find_pending("tiny", pending.version).approved_by == ("Ann",)
        assert decide_review("tiny", pending.version, "approve", "Cy").state == "approved"

    def test_the_name_that_the_environment_adds_takes_none_away(self, monkeypatch):
        monkeypatch.delenv("EVENHAND_USER", raising=False)
        before = set(who_trains().split(", "))
        monkeypatch.setenv("EVENHAND_USER", "somebody else")
        monkeypatch.setenv("LOGNAME", "another")
        assert before <= set(who_trains().split(", ")) | {os.environ.get("USER")}
        assert {"somebody else", "another"} < set(who_trains().split(", "))

    def test_when_nobody_knows_who_trained_nobody_approves_alone(self, world, keys):
        made = world.version("clear")
        world.client.delete_model_version_tag(MODEL, made.version, "trained_by")
        world.judge(made, problem("Ann", "Bob"))
        assert decide_review("tiny", made.version, "approve", "Bob").state == "pending"
        assert "champion" not in world.aliases()

    def test_a_quorum(self, world, filed):
        made = filed(problem("Ann", "Bob", "Cy", quorum=2), "quorum")
        for _ in range(2):
            assert decide_review("tiny", made.version, "approve", "Bob").lacks == "1 of 2 approvals"
        assert len(world.records("approval")) == 1
        assert decide_review("tiny", made.version, "approve", "Cy").state == "approved"
        assert world.records("promotion")[0].by == "Bob, Cy"

    def test_one_rejection_ends_it(self, world, filed):
        made = filed(problem("Ann", "Bob", "Cy", quorum=2), "quorum")
        decide_review("tiny", made.version, "approve", "Bob")
        decide_review("tiny", made.version, "reject", "Cy", "no")
        with pytest.raises(GateError, match="rejected by Cy"):
            decide_review("tiny", made.version, "approve", "Ann")
        assert "champion" not in world.aliases()
        assert [r.by for r in world.records("void") if r.facts.get("late")] == ["Ann"]

    @pytest.mark.parametrize(
        ("names", "rules", "reason"),
        [
            (["Ann"], {"quorum": 2}, "2 approvals of 1"),
            ([], {"quorum": 2}, "2 approvals of 0"),
            ([], {"four_eyes": True}, "without declared reviewers"),
            (["Ann"], {"review": "never"}, "allowed is one of the two"),
            (["Ann", "Ann"], {}, "named twice"),
            (["Ann"], {"expires_days": 0}, "expires_days"),
        ],
    )
    def test_what_can_not_be_is_refused(self, names, rules, reason):
        with pytest.raises(ProblemError, match=reason):
            problem(*names, **rules)

    @pytest.mark.parametrize("key", ["a" * 40, "file:/etc/passwd", "env:", "env:A B"])
    def test_a_key_is_a_reference(self, key):
        with pytest.raises(ProblemError, match=r"reviewers\.0\.key"):
            problem(reviewers=[declared("Ann") | {"key": key}])

    def test_four_eyes_are_on_where_two_are_declared(self):
        assert [problem(*names).review_policy.four_eyes for names in (["Ann"], ["Ann", "Bob"])] == [False, True]
        assert not problem("Ann", "Bob", four_eyes=False).review_policy.four_eyes


class TestExpiry:
    @pytest.fixture
    def late(self, filed, monkeypatch):
        made = filed(problem("Ann", "Bob", expires_days=7), "expiry")
        later = datetime.now(UTC) + timedelta(days=7, seconds=5)
        monkeypatch.setattr(review_requests, "now", lambda: later.isoformat(timespec="seconds"))
        return made

    def test_before_it_waits(self, filed):
        filed(problem("Ann", "Bob", expires_days=7), "expiry")
        assert len(pending_reviews()) == 1

    @pytest.mark.parametrize("decision", ["approve", "reject"])
    def test_afterwards_it_is_rejected_and_recorded(self, world, late, decision):
        with pytest.raises(GateError, match="expired"):
            decide_review("tiny", late.version, decision, "Bob")
        (record,) = world.records("expiry")
        assert record.reason == "nobody decided within 7 days"
        assert world.tags(late)["review"] == "rejected"
        assert "champion" not in world.aliases()

    def test_looking_at_what_waits_rejects_it(self, world, late):
        assert pending_reviews() == []
        assert len(world.records("expiry")) == 1
        assert world.tags(late)["review"] == "rejected"

    def test_the_next_training_does_not_ask_again(self, world, late):
        assert "nobody decided within 7 days" in world.judge(late, problem("Ann", "Bob", expires_days=7))[1]
        assert len(world.records("request")) == 1


class TestBound:
    def void(self, world, made, reason):
        with pytest.raises(GateError, match=reason):
            decide_review("tiny", made.version, "approve", "Bob")
        assert world.tags(made)["review"] == "void"
        assert "champion" not in world.aliases()

    def test_to_the_files_of_the_model(self, world, keys):
        made = world.version(logged=log(["clear"]))
        world.judge(made)
        folder = world.client.get_model_version_download_uri(MODEL, made.version).removeprefix("file://")
        with Path(folder, "MLmodel").open("a") as file:
            file.write("\n")
        self.void(world, made, "its model changed")

    def test_to_the_gate_report(self, world, keys):
        made = world.version(logged=log(["clear"]))
        verdict, _ = world.judge(made)
        world.client.log_text(made.run_id, "<p>fine</p>", "gate_report.html")
        file_verdict.fn(PROBLEM, made, verdict)
        world.client.log_text(made.run_id, "<p>better than fine</p>", "gate_report.html")
        self.void(world, made, "its gate report changed")

    @pytest.mark.parametrize(
        ("change", "what"),
        [({"metric": "mcc"}, "config"), ({"gate": {"margin": 0.0}}, "policy"), ({"expires_days": 9}, "policy")],
    )
    def test_to_the_problem_file(self, world, monkeypatch, tmp_path, change, what):
        raw = PROBLEM.model_dump(mode="json", exclude_unset=True)
        monkeypatch.setenv("EVENHAND_PROBLEMS", str(tmp_path))
        settings.cache_clear()
        (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(raw))
        made = world.version("clear")
        world.judge(made)
        (tmp_path / "tiny.yaml").write_text(yaml.safe_dump({**raw, **change}))
        self.void(world, made, f"its {what} changed")

    def test_to_the_verdict(self, world, pending):
        text = world.tags(pending)["verdict_json"]
        world.client.set_model_version_tag(MODEL, pending.version, "verdict_json", text.replace("0.", "0.9", 1))
        self.void(world, pending, "its verdict changed")


class TestDefects:
    """Gates are known to fail in these ways."""

    def test_no_variable_of_the_environment_gets_around_the_review(self, world, monkeypatch):
        fields = {*GatePolicy.model_fields, *ReviewPolicy.model_fields}
        names = {*fields, "force", "skip_gate", "skip_review", "auto_approve", "promote", "dry_run", "ci", "debug"}
        values = {"review": "never", "reviewers": "[]", "quorum": "0", "margin": "-1", "min_positives": "0"}
        for name in names:
            for variable in (name, f"EVENHAND_{name}", f"EVENHAND_GATE__{name}", f"GATE_{name}"):
                monkeypatch.setenv(variable.upper(), values.get(name, "1"))
        settings.cache_clear()
        world.judge(made := world.version("clear"))
        assert world.aliases() == {"challenger": made.version}
        first = world.champion("clear")
        assert world.judge(world.version("faint"))[0].outcome == "reject"
        assert world.aliases()["champion"] == first.version

    def test_only_keys_and_accounts_are_read_from_the_environment(self):
        reading = {"accounts", "client", "reviewers"}  # who we are, the tracking server's address, a reviewer's key
        deciding = [path for name in ("gate", "registry", "review") for path in (ROOT / "tasks" / name).glob("*.py")]
        assert len(deciding) > 20
        for module in deciding:
            if module.stem in reading:
                continue
            tree = ast.parse(module.read_text())
            read = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
            assert not read & {"environ", "getenv"}, module

    def test_the_checker_does_not_approve_itself(self, world, pending):
        for _ in range(3):
            _, said = world.judge(pending, problem("Ann", "Bob", "Cy"))
        assert "waits for a review" in said
        assert world.records("approval", "promotion") == []
        assert world.aliases() == {"challenger": pending.version}

    def test_an_approval_without_further_words_is_no_dry_run(self, world, pending):
        assert not {name for name in ReviewRequest.model_fields if "dry" in name or "confirm" in name}
        decide_review("tiny", pending.version, "approve", "Bob")
        assert world.aliases() == {"champion": pending.version}
        assert world.records("promotion")

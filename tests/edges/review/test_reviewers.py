"""Reviewers are identified, nobody approves alone what they trained, and nothing bypasses the review."""

import ast
import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evenhand.errors import GateError, ProblemError
from evenhand.problem import GatePolicy, ReviewPolicy, parse_problem
from flows.rollback import rollback
from tasks.data.problems import load_problem
from tasks.gate.run_gate import run_gate
from tasks.registry.accounts import training_accounts
from tasks.review import requests as review_requests
from tasks.review.decide import ReviewAnswer, decide_review
from tasks.review.pending_reviews import pending_review, pending_reviews, signed_decision
from tasks.review.request_review import request_review
from tasks.review.reviewers import Proof
from tasks.review.rollback import RollbackRequest, roll_back, signed_rollback
from tasks.review.terminal import ReviewOptions, review_at_terminal
from tasks.settings import ROOT, settings
from tasks.storage.store import write_frame
from tests.edges.tiny_registry import MODEL, PROBLEM, cached_state, log, registry, rows, write_problem
from tests.edges.trust.keys import answer, key, key_file

__all__ = ["registry"]


def declared(name):
    return {"name": name, "key": key(name), "user": name.lower()}


def problem(*names, **rules):
    raw = PROBLEM.model_dump(mode="json", exclude_unset=True)
    return parse_problem({**raw, "reviewers": [declared(name) for name in names], **rules}, "tiny.yaml")


def decide(made, name, decision="approve", comment=""):
    """Decide with the reviewer's own key."""
    return decide_review(MODEL, made.version, answer(decision, name, comment=comment))


@pytest.fixture
def filed(registry, monkeypatch):
    """Return a function that creates a version that Ann trained, with a pending review, for a problem."""
    monkeypatch.setenv("EVENHAND_USER", "ann")

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


def roll_back_by(name, signer=None):
    request = {"problem": "tiny", "reason": "worse", "reviewer": name, "key": str(key_file(signer or name))}
    return RollbackRequest(**request)


@pytest.fixture
def two_champions(registry):
    """Two versions that Bob has approved, one after the other."""
    first, better = registry.version("faint"), registry.version("clear")
    for made in (first, better):
        registry.evaluate(made, problem("Bob", "Cy", four_eyes=False))
        decide(made, "Bob")
    return first, better


class TestKeys:
    def test_a_reviewer_with_the_key_approves(self, registry, pending):
        assert decide(pending, "Bob", comment="fine").state == "approved"
        assert registry.aliases() == {"champion": pending.version}

    def test_the_signature_is_stored_and_the_key_is_not(self, registry, pending, caplog):
        caplog.set_level(logging.DEBUG)
        decide(pending, "Bob")
        (record,) = registry.records("approval")
        private = "".join(key_file("Bob").read_text().splitlines()[1:-1])
        stored = (settings().home / "mlflow.db").read_bytes()
        assert record.facts["signature"].splitlines()[1].encode() in stored
        for line in (private, *key_file("Bob").read_text().splitlines()[1:-1]):
            assert line not in caplog.text
            assert line.encode() not in stored

    @pytest.mark.parametrize("decision", ["approve", "reject"])
    def test_without_the_right_key_nobody_decides_as_bob(self, registry, pending, tmp_path, decision):
        (tmp_path / "damaged").write_text("no key")
        before = registry.records()
        for path, reason in (
            (tmp_path / "missing", "there is no key .*missing"),
            (tmp_path / "damaged", "can't sign the decision"),
            (key_file("Eve"), "another key than the declared one"),
        ):
            with pytest.raises(GateError, match=reason):
                decide_review(MODEL, pending.version, ReviewAnswer(decision, "Bob", proof=Proof(key=str(path))))
        assert registry.records() == before
        assert "champion" not in registry.aliases()

    def test_the_key_is_found_in_the_home_folder_of_the_reviewer(self, registry, pending, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        with pytest.raises(GateError, match="the SSH agent can't sign the decision"):
            decide_review(MODEL, pending.version, ReviewAnswer("approve", "Bob"))
        (tmp_path / ".ssh").mkdir()
        for name, file in (("Eve", "id_ed25519"), ("Bob", "work")):
            for suffix in ("", ".pub"):
                (tmp_path / ".ssh" / f"{file}{suffix}").write_text(Path(f"{key_file(name)}{suffix}").read_text())
                (tmp_path / ".ssh" / f"{file}{suffix}").chmod(0o600)
        assert decide_review(MODEL, pending.version, ReviewAnswer("approve", "Bob")).state == "approved"

    def test_only_declared_reviewers_decide(self, registry, pending):
        with pytest.raises(GateError, match="Dan is not among the declared reviewers; allowed: Ann, Bob, Cy"):
            decide(pending, "Dan")
        assert "champion" not in registry.aliases()

    def test_a_rollback_needs_the_key_too(self, registry, two_champions):
        with pytest.raises(GateError, match="another key than the declared one"):
            roll_back(roll_back_by("Bob", signer="Eve"))
        first, _ = two_champions
        assert roll_back(roll_back_by("Cy")) == f"{MODEL} version {first.version} is the champion again."

    def test_a_form_without_a_signature_does_not_use_the_keys_of_the_worker(self, registry, two_champions):
        first, better = two_champions
        request = roll_back_by("Cy")
        with pytest.raises(GateError, match="Cy has declared a key: paste the signed decision"):
            rollback.fn(request)
        signed = signed_rollback(request)
        assert registry.aliases() == {"champion": better.version}
        with pytest.raises(GateError, match="another key than the declared one"):
            rollback.fn(request.model_copy(update={"reviewer": "Bob", "signed": signed}))
        rollback.fn(request.model_copy(update={"signed": signed}))
        assert registry.aliases()["champion"] == first.version

    def test_an_answer_to_another_request_is_refused(self, registry, pending):
        with pytest.raises(GateError, match="requested again after it was shown"):
            decide_review(MODEL, pending.version, answer("approve", "Bob", request="0" * 64))
        assert registry.records("approval", "void", "promotion") == []
        shown = pending_review(MODEL, pending.version).request
        assert decide_review(MODEL, pending.version, answer("approve", "Bob", request=shown)).state == "approved"

    def test_without_declared_reviewers_there_is_nothing_to_sign(self, registry):
        registry.evaluate(made := registry.version("clear"))
        with pytest.raises(GateError, match="Bob has declared no key, so there is nothing to sign"):
            signed_decision(MODEL, made.version, ReviewAnswer("approve", "Bob"))

    def test_the_command_prints_only_the_signed_decision(self, registry, pending, tmp_path, capsys):
        named = {"problem": "tiny", "version": pending.version}
        chosen = {"decision": "approve", "reviewer": "Bob", "comment": "from home"}
        review_at_terminal(ReviewOptions(**named, **chosen, key=str(key_file("Bob")), sign=True))
        assert registry.records("approval") == []
        (tmp_path / "signed").write_text(capsys.readouterr().out)
        review_at_terminal(ReviewOptions(**named, **chosen, signed=str(tmp_path / "signed")))
        assert [(r.by, r.reason) for r in registry.records("approval")] == [("Bob", "from home")]

    def test_a_decision_is_not_signed_without_saying_about_what(self, pending):
        with pytest.raises(GateError, match="needs these options as well: --version, --reviewer"):
            review_at_terminal(ReviewOptions(problem="tiny", decision="approve", sign=True))


class TestRequiredApprovals:
    def test_the_trainer_can_not_approve_alone(self, registry, pending):
        alone = decide(pending, "Ann")
        assert (alone.state, alone.lacks) == ("pending", "the approval of somebody who did not train it")
        assert registry.aliases() == {"challenger": pending.version}
        assert pending_review(MODEL, pending.version).approved_by == ("Ann",)
        assert decide(pending, "Cy").state == "approved"

    def test_a_name_in_the_environment_adds_an_account_and_removes_none(self, monkeypatch):
        monkeypatch.delenv("EVENHAND_USER", raising=False)
        before = set(training_accounts().split(", "))
        monkeypatch.setenv("EVENHAND_USER", "somebody else")
        monkeypatch.setenv("LOGNAME", "another")
        assert before <= set(training_accounts().split(", ")) | {os.environ.get("USER")}
        assert {"somebody else", "another"} < set(training_accounts().split(", "))

    def test_when_the_trainer_is_unknown_nobody_approves_alone(self, registry, monkeypatch):
        monkeypatch.setattr("tasks.registry.register_version.training_accounts", lambda: "")
        registry.evaluate(made := registry.version("clear"), problem("Ann", "Bob"))
        assert decide(made, "Bob").state == "pending"
        assert "champion" not in registry.aliases()

    def test_a_quorum_of_two_needs_two_reviewers(self, registry, filed):
        made = filed(problem("Ann", "Bob", "Cy", quorum=2), "quorum")
        for _ in range(2):
            assert decide(made, "Bob").lacks == "approvals (1 of 2 so far)"
        assert len(registry.records("approval")) == 1
        assert decide(made, "Cy").state == "approved"
        assert registry.records("promotion")[0].by == "Bob, Cy"

    def test_one_rejection_closes_the_review(self, registry, filed):
        made = filed(problem("Ann", "Bob", "Cy", quorum=2), "quorum")
        decide(made, "Bob")
        decide(made, "Cy", "reject", "no")
        with pytest.raises(GateError, match="rejected by Cy"):
            decide(made, "Ann")
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

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "no public key and no entry of an allowed_signers file"),
            ("env:KEY_OF_ANN", "no public key and no entry of an allowed_signers file"),
            ("ssh-rsa AAAAB3NzaC1yc2E=", "a key of kind ssh-rsa; allowed: ssh-ed25519"),
            ("ssh-ed25519 AAAAC3Nz", "no public key"),
        ],
    )
    def test_a_key_must_be_a_public_key(self, text, reason):
        with pytest.raises(ProblemError, match=rf"reviewers\.0\.key: {reason}"):
            problem(reviewers=[declared("Ann") | {"key": text}])

    def test_a_private_key_is_refused(self):
        with pytest.raises(
            ProblemError, match=r"reviewers\.0\.key: a private key, which stays with its owner"
        ) as refused:
            problem(reviewers=[declared("Ann") | {"key": key_file("Ann").read_text()}])
        assert not any(line in str(refused.value) for line in key_file("Ann").read_text().splitlines()[1:-1])

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
            decide(late, "Bob", decision)
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
            decide(made, "Bob")
        assert registry.tags(made)["review"] == "void"
        assert "champion" not in registry.aliases()

    def test_an_approval_is_bound_to_the_files_of_the_model(self, registry):
        made = registry.version(logged=log(["clear"]))
        registry.evaluate(made)
        folder = registry.client.get_model_version_download_uri(MODEL, made.version).removeprefix("file://")
        with Path(folder, "MLmodel").open("a") as file:
            file.write("\n")
        self.assert_void(registry, made, "files were changed after it was registered")

    def test_an_approval_is_bound_to_the_gate_report(self, registry):
        made = registry.version(logged=log(["clear"]))
        verdict, _ = registry.evaluate(made)
        registry.client.log_text(made.run_id, "<p>fine</p>", "gate_report.html")
        request_review.fn(PROBLEM, made, verdict)
        registry.client.log_text(made.run_id, "<p>better than fine</p>", "gate_report.html")
        self.assert_void(registry, made, "its gate report changed")

    @pytest.mark.parametrize("change", [{"gate": {"margin": 0.0}}, {"expires_days": 9}])
    def test_an_approval_is_bound_to_the_rules_in_the_problem_file(self, registry, change):
        registry.evaluate(made := registry.version("clear"))
        write_problem(parse_problem({**PROBLEM.model_dump(mode="json", exclude_unset=True), **change}, "tiny.yaml"))
        self.assert_void(registry, made, "its policy changed")

    def test_an_approval_is_bound_to_the_verdict(self, registry, pending):
        others = write_frame(rows(3), "splits/{sha256}/holdout.parquet")
        assert run_gate.fn(load_problem("tiny"), others, pending).passes
        self.assert_void(registry, pending, "its verdict, gate report changed")


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

    def test_only_accounts_and_addresses_are_read_from_the_environment(self):
        reading = {"accounts", "client"}  # account names, the server's address
        packages = ("gate", "registry", "review", "tracking")
        modules = [path for name in packages for path in (ROOT / "tasks" / name).glob("*.py")]
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
        decide(pending, "Bob")
        assert registry.aliases() == {"champion": pending.version}
        assert registry.records("promotion")

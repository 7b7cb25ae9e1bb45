"""A decision is signed with the reviewer's own SSH key, and a signature is good for that decision alone."""

import subprocess

import pytest

from evenhand.audit.chain import RecordBody, canonical_json, next_record, sha256
from evenhand.audit.requests import Request, open_requirement, statement_of
from evenhand.audit.review_state import latest_request
from evenhand.audit.statements import split_signed
from evenhand.errors import GateError
from evenhand.problem import ReviewPolicy, parse_problem
from tasks.registry.ledger_text import ledger_as_text
from tasks.review.decide import ReviewAnswer, decide_review
from tasks.review.pending_reviews import pending_review, signed_decision
from tasks.review.reviewers import Proof, sign
from tasks.review.rollback import RollbackRequest, roll_back, signed_rollback
from tests.edges.tiny_registry import MODEL, registry
from tests.edges.trust.attacks import append_forged, ledger_run, recorded_champion
from tests.edges.trust.keys import answer, approve, declared, key, key_file, problem_with

__all__ = ["registry"]


@pytest.fixture
def pending(registry):
    registry.evaluate(made := registry.version("clear"), problem_with("Ann", "Bob"))
    return made


def pasted(text, name="Ann", decision="approve"):
    return ReviewAnswer(decision, name, proof=Proof(text, here=False))


class TestSigned:
    def test_an_approval_is_in_the_ledger_with_its_signature(self, registry, pending, tmp_path):
        assert approve(pending, "Ann", comment="holds on 2021").state == "approved"
        (record,) = registry.records("approval")
        assert (record.by, record.reason) == ("Ann", "holds on 2021")
        assert "1 signed decisions" in ledger_as_text("tiny")[0]
        # The same check with OpenSSH alone, as an auditor would do it.
        (tmp_path / "allowed").write_text(f'Ann namespaces="evenhand" {key("Ann")}\n')
        (tmp_path / "sig").write_text(record.facts["signature"])
        command = ["ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", "Ann", "-n", "evenhand", "-s", "sig"]
        text = record.facts["statement"].encode()
        assert subprocess.run(command, cwd=tmp_path, input=text, check=False).returncode == 0

    def test_a_form_takes_what_was_signed_elsewhere(self, registry, pending):
        text = signed_decision(MODEL, pending.version, answer("approve", "Ann", comment="from home"))
        assert registry.records("approval") == []
        windows = "  " + text.replace("\n", "\r\n") + "\r\n"
        decision = decide_review(MODEL, pending.version, pasted(windows))
        assert (decision.state, decision.comment) == ("approved", "from home")

    @pytest.mark.parametrize("comment", ["two\u2028lines", "\ufeffmark", "turn\u202eed", "tab\tand\r\nmore", "Кража"])
    def test_a_comment_of_any_letters_is_signed_and_shown_as_it_is(self, registry, pending, comment):
        text = signed_decision(MODEL, pending.version, answer("approve", "Ann", comment=comment))
        assert all(letter.isprintable() or letter == "\n" for letter in text)
        decision = decide_review(MODEL, pending.version, pasted("\ufeff" + text))
        assert (decision.state, decision.comment) == ("approved", comment)

    def test_a_statement_signed_by_openssh_alone_is_accepted(self, registry, pending, tmp_path):
        text, _ = split_signed(signed_decision(MODEL, pending.version, answer("approve", "Ann")))
        (tmp_path / "decision").write_text(text)
        command = ["ssh-keygen", "-q", "-Y", "sign", "-n", "evenhand", "-f", key_file("Ann"), tmp_path / "decision"]
        subprocess.run(command, check=True)
        signed = text + (tmp_path / "decision.sig").read_text()
        assert decide_review(MODEL, pending.version, pasted(signed)).state == "approved"

    def test_a_rollback_is_signed_too(self, registry, pending):
        approve(pending, "Ann")
        request = RollbackRequest(problem="tiny", reason="worse", reviewer="Ann", leave_none=True)
        with pytest.raises(GateError, match="paste the signed decision"):
            roll_back(request, here=False)
        text = signed_rollback(request.model_copy(update={"key": str(key_file("Ann"))}))
        assert "no champion now" in roll_back(request.model_copy(update={"signed": text}), here=False)


class TestRefused:
    def wrong(self, pending):
        """Signed decisions that are none of Ann's approval of this version."""
        own = signed_decision(MODEL, pending.version, answer("approve", "Ann"))
        text, signature = split_signed(own)
        rejection = signed_decision(MODEL, pending.version, answer("reject", "Ann"))
        yield "empty", "", "no signature"
        yield "no signature", text, "no signature"
        yield "garbage", f"{text}-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----", "not valid"
        yield "another comment", text.replace('"comment": ""', '"comment": "x"') + signature, "not valid"
        yield "a rejection", rejection, "decision 'reject' instead of 'approve'"
        yield "other text", "hello\n" + signature, "not valid"

    def test_whatever_is_not_this_decision_is_refused(self, registry, pending):
        before = registry.records()
        for name, signed, reason in self.wrong(pending):
            with pytest.raises(GateError, match=reason):
                decide_review(MODEL, pending.version, pasted(signed))
            assert registry.records() == before, name

    def test_the_key_of_somebody_else_is_refused(self, registry, pending):
        with pytest.raises(GateError, match="another key than the declared one"):
            decide_review(MODEL, pending.version, answer("approve", "Ann", signer="Eve"))
        assert "champion" not in registry.aliases()

    def test_a_signature_is_not_good_for_the_next_version(self, registry, pending):
        text = signed_decision(MODEL, pending.version, answer("approve", "Ann"))
        registry.evaluate(other := registry.version("faint", "clear"), problem_with("Ann", "Bob"))
        with pytest.raises(GateError, match="another decision"):
            decide_review(MODEL, other.version, pasted(text))

    @pytest.mark.parametrize(
        ("option", "valid"), [('valid-before="20200101"', False), ('valid-after="20200101"', True)]
    )
    def test_a_key_signs_while_it_is_valid(self, registry, option, valid):
        former = [{"name": "Ann", "key": f"ann {option} {key('Ann')}"}, *declared("Bob")]
        problem = parse_problem(
            {**problem_with("Bob").model_dump(mode="json", exclude_unset=True), "reviewers": former}, ""
        )
        registry.evaluate(made := registry.version("clear"), problem)
        if valid:
            assert approve(made, "Ann").state == "approved"
            return
        with pytest.raises(GateError, match="the key was not valid"):
            approve(made, "Ann")

    def test_a_key_that_has_ended_can_not_be_used_with_an_earlier_date(self, registry):
        reviewers = [{"name": "Ann", "key": f'ann valid-before="20260101" {key("Ann")}'}, *declared("Bob")]
        raw = problem_with("Bob").model_dump(mode="json", exclude_unset=True)
        problem = parse_problem({**raw, "reviewers": reviewers}, "tiny.yaml")
        registry.evaluate(made := registry.version("clear"), problem)
        request = latest_request(registry.records(), made.version)
        statement = statement_of(request, "approve", reviewer="Ann", comment="", at="2025-12-01T00:00:00+00:00")
        text, signature = split_signed(sign(statement, key("Ann"), str(key_file("Ann"))))
        facts = {"request": request.record.hash, "statement": text, "signature": signature}
        records = registry.records()
        body = RecordBody(kind="approval", version=made.version, by="Ann", facts=facts)
        record = next_record(records, MODEL, body, "2025-12-01T00:00:00+00:00", "x")
        registry.client.log_param(ledger_run(registry)[1], str(record.seq).zfill(6), record.model_dump_json())
        append_forged(registry, "promotion", made.version, by="Ann", request=request.record.hash)
        assert recorded_champion(registry) == ""

    def test_one_key_under_two_names_is_one_person(self, registry):
        policy = ReviewPolicy.model_validate(
            {"reviewers": [{"name": name, "key": key("Ann")} for name in ("Ann", "Bob")], "quorum": 2}
        )
        rules = {"review": policy.model_dump(mode="json")}
        facts = {"rules": canonical_json(rules), "policy_sha256": sha256(rules)}
        record = next_record((), MODEL, RecordBody(kind="request", version="1", facts=facts), "2026-01-01", "x")
        approvals = tuple(RecordBody(kind="approval", version="1", by=name) for name in ("Ann", "Bob"))
        assert open_requirement(Request(record, "pending", approvals)) == "approvals (1 of 2 so far)"

    def test_a_forged_approval_does_not_count(self, registry, pending):
        request = registry.records("request")[-1]
        approve_facts = {"request": request.hash, "statement": "{}", "signature": "x"}
        append_forged(registry, "approval", pending.version, by="Ann", **approve_facts)
        append_forged(registry, "promotion", pending.version, by="Ann", request=request.hash)
        assert recorded_champion(registry) == ""
        assert pending_review(MODEL, pending.version).approved_by == ()
        faults = ledger_as_text("tiny")[1]
        assert [fault.split(",")[0] for fault in faults if "counts for nothing" in fault] == [
            f"record {number} of {MODEL}" for number in (5, 6)
        ]

    def test_a_forged_rollback_does_not_count(self, registry, pending):
        approve(pending, "Ann")
        append_forged(registry, "rollback", "", by="Ann", reason="mine")
        assert recorded_champion(registry) == pending.version


class TestNames:
    def test_names_that_look_alike_are_one_person(self, registry):
        problem = problem_with("Ann", "Bob", quorum=2)
        registry.evaluate(made := registry.version("clear"), problem)
        assert approve(made, "Ann").state == "pending"
        assert decide_review(MODEL, made.version, answer("approve", " ann ", signer="Ann")).state == "pending"
        assert approve(made, "Bob").state == "approved"

    @pytest.mark.parametrize("name", ["Аnn", "A\u200bnn", "An\u202en"])
    def test_a_name_that_imitates_another_is_refused(self, registry, pending, name):
        with pytest.raises(GateError, match="the name"):
            decide_review(MODEL, pending.version, answer("approve", name, signer="Ann"))

    def test_two_declared_reviewers_that_look_alike_are_refused(self):
        with pytest.raises(Exception, match="named twice"):
            problem_with("Bob", "bob")

"""The witness: a history that was rewritten, shortened, renamed, deleted or forged in MLflow is named."""

import json
import shutil
from contextlib import suppress

import boto3
import pytest

from evenhand.audit.statements import parse_statement, split_signed
from evenhand.errors import EvenhandError, GateError
from evenhand.problem.policies import ReviewPolicy
from tasks.registry.ledger_store import HEAD
from tasks.registry.ledger_text import ledger_as_text
from tasks.registry.problem_rules import rules_of
from tasks.registry.witness import add_entry, witnessed, written_hashes
from tasks.review.decide import ReviewAnswer, decide_review
from tasks.review.pending_reviews import signed_decision
from tasks.review.request_review import request_review
from tasks.scoring.score_file import ScoreRequest
from tasks.scoring.score_file import score as score_task
from tasks.settings import settings
from tests.edges.servers import seaweed_s3
from tests.edges.tiny_registry import MODEL, WITHOUT_REVIEW, pass_gate, registry, rows, write_problem
from tests.edges.trust.attacks import EXPERIMENT, append_forged, ledger_run, rewrite_ledger
from tests.edges.trust.keys import answer, approve, declared, problem_with

__all__ = ["registry"]


def other_reason(body, seq):
    return body.model_copy(update={"reason": "other"}) if body.kind == "promotion" else body


def without_last(length):
    return lambda body, seq: body if seq < length else None


class TestChangedHistory:
    @pytest.fixture
    def promoted(self, registry):
        registry.champion("faint")
        return registry.champion("clear")

    def assert_refused(self, registry, reason):
        _, faults = ledger_as_text("tiny")
        assert any(reason in fault for fault in faults), faults
        with pytest.raises(EvenhandError, match=reason):
            decide_review(MODEL, "1", ReviewAnswer("approve", "A. Person"))

    def test_a_rewritten_record_is_named(self, registry, promoted):
        first = registry.records("promotion")[0].seq
        rewrite_ledger(registry, other_reason)
        self.assert_refused(registry, f"record {first} is another one than in the witness")

    def test_a_shortened_ledger_names_the_first_missing_record(self, registry, promoted):
        length = len(registry.records())
        rewrite_ledger(registry, without_last(length))
        self.assert_refused(registry, f"record {length} is missing")

    def test_a_renamed_ledger_is_missing_from_its_first_record(self, registry, promoted):
        experiment, _ = ledger_run(registry)
        registry.client.rename_experiment(experiment.experiment_id, "aside")
        registry.client.delete_registered_model_tag(MODEL, HEAD)
        self.assert_refused(registry, "record 1 is missing")
        assert f"There is no experiment '{EXPERIMENT}': it was renamed" in ledger_as_text("tiny")[1][0]

    def test_a_deleted_ledger_is_named_with_what_restores_it(self, registry, promoted):
        experiment, _ = ledger_run(registry)
        registry.client.delete_experiment(experiment.experiment_id)
        self.assert_refused(registry, "mlflow experiments restore")

    def test_another_run_is_no_ledger(self, registry, promoted):
        experiment, _ = ledger_run(registry)
        run = registry.client.create_run(experiment.experiment_id).info.run_id
        registry.client.set_experiment_tag(experiment.experiment_id, "ledger_run", run)
        registry.client.delete_registered_model_tag(MODEL, HEAD)
        self.assert_refused(registry, "record 1 is missing")


class TestEntries:
    def test_every_record_is_announced_and_written(self, registry):
        registry.champion("clear")
        records = registry.records()
        assert witnessed(MODEL) == {r.seq: {r.hash: {"announced", "written"}} for r in records}
        assert written_hashes(witnessed(MODEL)) == {r.hash for r in records}

    def test_a_witness_without_entries_adopts_the_ledger(self, registry):
        registry.champion("clear")
        shutil.rmtree(settings().home / "witness")
        ledger_as_text("tiny")
        assert {kind for found in witnessed(MODEL).values() for kinds in found.values() for kind in kinds} == {
            "adopted"
        }
        assert written_hashes(witnessed(MODEL)) == set()

    def test_a_record_whose_writer_was_killed_is_its_own(self, registry):
        registry.champion("clear")
        record = registry.records()[-1]
        (settings().home / "witness" / MODEL / str(record.seq).zfill(6) / f"{record.hash}.written").unlink()
        ledger_as_text("tiny")
        assert record.hash in written_hashes(witnessed(MODEL))

    def test_a_record_that_lost_the_race_is_not_missed(self, registry):
        registry.champion("clear")
        last = registry.records()[-1]
        add_entry(last.model_copy(update={"seq": last.seq + 1, "hash": "f" * 64}), "announced")
        assert ledger_as_text("tiny")[1] == []

    def test_an_object_that_is_no_entry_is_an_error(self, registry):
        registry.champion("clear")
        (settings().home / "witness" / MODEL / "note.txt").write_text("x")
        with pytest.raises(EvenhandError, match="no entry"):
            ledger_as_text("tiny")

    def test_a_witness_of_its_own_is_used(self, registry, tmp_path, monkeypatch):
        monkeypatch.setenv("EVENHAND_WITNESS", str(tmp_path / "witness"))
        settings.cache_clear()
        registry.champion("clear")
        assert len(list((tmp_path / "witness" / MODEL).rglob("*.written"))) == len(registry.records())

    def test_a_witness_that_can_not_be_written_stops_the_record(self, registry, tmp_path, monkeypatch):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("EVENHAND_WITNESS", str(tmp_path / "file"))
        settings.cache_clear()
        with pytest.raises(EvenhandError, match="can't"):
            registry.version("clear")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with seaweed_s3(tmp_path_factory.mktemp("witness")) as running:
        yield running


class TestBucket:
    """The witness in S3, with credentials of its own."""

    @pytest.fixture
    def profile(self, server, tmp_path, monkeypatch):
        """Return a function that writes an AWS profile and uses it for the witness alone."""

        def use(key, secret):
            (tmp_path / "aws").write_text(f"[witness]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n")
            values = {
                "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "aws"),
                "AWS_DEFAULT_REGION": "eu-west-1",
                "EVENHAND_S3_ENDPOINT": server.endpoint,
                "EVENHAND_WITNESS": f"s3://witness/{tmp_path.name}",
                "EVENHAND_WITNESS_PROFILE": "witness",
            }
            for name, value in values.items():
                monkeypatch.setenv(name, value)
            settings.cache_clear()

        use(server.access_key, server.secret_key)
        client = boto3.Session(profile_name="witness").client("s3", endpoint_url=server.endpoint)
        with suppress(client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
            client.create_bucket(Bucket="witness")
        return use

    def test_entries_are_objects_and_a_rewritten_ledger_is_named(self, registry, profile):
        registry.champion("clear")
        records = registry.records()
        assert witnessed(MODEL) == {r.seq: {r.hash: {"announced", "written"}} for r in records}
        rewrite_ledger(registry, other_reason)
        assert "is another one than in the witness s3://witness/" in ledger_as_text("tiny")[1][0]

    def test_without_the_right_to_add_entries_nothing_is_recorded(self, registry, profile, server):
        profile(server.reader_key, server.reader_secret)
        with pytest.raises(EvenhandError, match="may not do this"):
            registry.version("faint", identity="new")


class TestForgedCase:
    """A case that was written by MLflow's API alone, with right hashes, before a reviewer who has a key."""

    def forge(self, registry, version):
        verdict = registry.records("verdict")[-1]
        return append_forged(registry, "verdict", version, **{**verdict.facts, "outcome": "promote"})

    def test_a_reviewer_with_a_key_can_not_approve_it(self, registry):
        problem = problem_with("Ann")
        registry.evaluate(first := registry.version("clear"), problem)
        approve(first, "Ann")
        worse = registry.version("faint")
        assert registry.evaluate(worse, problem)[0].outcome == "reject"
        verdict = self.forge(registry, worse.version)
        registration = registry.records("registration")[-1]
        facts = registry.records("request")[-1].facts | {
            "registration": registration.hash,
            "model_sha256": registration.facts["model_sha256"],
            "verdict_sha256": verdict.facts["verdict_sha256"],
            "compared_with": first.version,
        }
        append_forged(registry, "request", worse.version, **facts)
        with pytest.raises(GateError, match="has no pending review"):
            approve(worse, "Ann")
        faults = ledger_as_text("tiny")[1]
        assert any(f"record {verdict.seq} of {MODEL}, a verdict, was not written" in fault for fault in faults)
        assert registry.aliases()["champion"] == first.version

    def test_a_reviewer_can_not_be_made_to_sign_it(self, registry):
        registry.evaluate(made := registry.version("clear"), problem_with("Ann"))
        forged = registry.records("request")[-1].facts | {"verdict_sha256": self.forge(registry, made.version).hash}
        append_forged(registry, "request", made.version, **forged)
        signed = parse_statement(split_signed(signed_decision(MODEL, made.version, answer("approve", "Ann")))[0])
        assert signed.record == registry.records("request")[0].hash  # the one that the gate's verdict has led to

    def test_a_request_that_names_another_problem_has_the_rules_of_its_own(self, registry):
        write_problem(problem_with("Ann"))
        write_problem(WITHOUT_REVIEW.model_copy(update={"name": "open"}))
        registry.evaluate(made := registry.version("clear"), problem_with("Ann"))
        facts = registry.records("request")[-1].facts | {"problem": "open", "rules": rules_of(WITHOUT_REVIEW).text}
        append_forged(registry, "request", made.version, **facts)
        with pytest.raises(GateError, match="Eve is not among the declared reviewers"):
            decide_review(MODEL, made.version, ReviewAnswer("approve", "Eve"))
        assert "champion" not in registry.aliases()

    def test_a_ledger_with_rules_of_its_own_is_vouched_for_by_nobody(self, registry, tmp_path):
        """Everything forged from the first record on, before this machine has seen the ledger."""
        write_problem(problem_with("Ann"))
        worse = registry.version("faint")
        open_rules = write_problem(WITHOUT_REVIEW)
        pass_gate(worse, open_rules)
        request_review.fn(open_rules, worse, pass_gate(worse, open_rules))
        assert registry.aliases()["champion"] == worse.version
        shutil.rmtree(settings().home / "witness")
        write_problem(problem_with("Ann"))
        path = tmp_path / "new.csv"
        rows(5).to_csv(path, index=False)
        with pytest.raises(GateError, match="has no champion, but alias champion points to version 1, by hand"):
            score_task.fn(ScoreRequest(problem="tiny", data=str(path), out=str(tmp_path / "out.csv")))
        assert registry.evaluate(registry.version("clear"), problem_with("Ann"))[0].outcome == "error"

    def test_a_signed_champion_needs_no_witness(self, registry, tmp_path):
        registry.evaluate(made := registry.version("clear"), problem_with("Ann"))
        approve(made, "Ann")
        shutil.rmtree(settings().home / "witness")
        path = tmp_path / "new.csv"
        rows(5).to_csv(path, index=False)
        assert score_task.fn(ScoreRequest(problem="tiny", data=str(path), out=str(tmp_path / "o.csv"))).version == "1"


def test_the_policy_of_a_record_reads_back():
    policy = ReviewPolicy.model_validate({"reviewers": declared("Ann", "Bob"), "quorum": 2})
    assert ReviewPolicy.model_validate_json(json.dumps(policy.model_dump(mode="json"))) == policy

"""The ledger in a real store: a broken one is detected, the alias follows it, a moved alias is recorded."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from evenhand.audit.chain import LedgerError, RecordBody
from evenhand.errors import GateError
from flows.ledger import LedgerRequest, show
from flows.rollback import rollback
from tasks.gate.run_gate import run_gate
from tasks.local.command_line import run_command
from tasks.registry.champion_alias import add_record, reconcile, settled_champion
from tasks.review.decide import ReviewAnswer, decide_review
from tasks.review.rollback import RollbackRequest, roll_back
from tasks.settings import settings
from tasks.tracking.client import connect
from tests.edges.tiny_registry import MODEL, PROBLEM, WITHOUT_REVIEW, cached_state, log, promote_alias, registry

__all__ = ["registry"]
ROOT = Path(__file__).resolve().parents[3]
DECISION = {"reason": "errors at night", "reviewer": "B. Person"}


@pytest.fixture
def promoted(registry):
    """Two versions that were promoted after reviews; the second is champion."""

    def make():
        first, second = registry.version("faint"), registry.version("faint", "clear")
        for made in (first, second):
            registry.evaluate(made)
            decide_review(MODEL, made.version, ReviewAnswer("approve", "A. Person", "looks right"))
        return first, second

    return cached_state("promoted", make)


@pytest.fixture
def command(monkeypatch, capsys):
    def run(*options, request=LedgerRequest, work=show):
        monkeypatch.setattr(sys, "argv", ["ledger", *options])
        try:
            run_command(request, work)
            code = 0
        except SystemExit as stopped:
            code = stopped.code
        return code, capsys.readouterr()

    return run


def alter(statement, *values):
    """Change one row of the database without MLflow."""
    with sqlite3.connect(settings().home / "mlflow.db") as database:
        assert database.execute(statement, values).rowcount == 1


def undo_last_move(registry, before):
    """Restore the state after a process was killed between its record and the alias."""
    last = registry.records()[-2]
    registry.client.set_registered_model_tag(MODEL, "ledger_head", f"{last.seq} {last.hash}")
    registry.client.set_registered_model_alias(MODEL, "champion", before.version)


class TestRecords:
    def test_a_promotion_has_all_records_of_its_case(self, registry, promoted):
        kinds = ["registration"] * 2 + ["evaluation", "verdict", "request", "approval", "promotion"] * 2
        assert [record.kind for record in registry.records()] == kinds
        assert registry.aliases() == {"champion": promoted[1].version}

    def test_a_rejection_by_the_gate_is_recorded(self, registry):
        registry.champion("clear")
        worse = registry.version("faint")
        registry.evaluate(worse)
        record = registry.records("verdict")[-1]
        assert (record.version, record.facts["outcome"]) == (worse.version, "reject")

    def test_a_rejection_by_a_person_is_recorded(self, registry):
        made = registry.version("clear")
        registry.evaluate(made)
        decide_review(MODEL, made.version, ReviewAnswer("reject", "A. Person", "too slow"))
        (record,) = registry.records("rejection")
        assert (record.version, record.by, record.reason) == (made.version, "A. Person", "too slow")

    def test_the_same_error_is_recorded_once(self, registry):
        made = registry.version("clear")
        for _ in range(2):
            assert run_gate.fn(PROBLEM, registry.holdout.model_copy(update={"key": "gone"}), made).outcome == "error"
        assert [record.facts["outcome"] for record in registry.records("verdict")] == ["error"]

    def test_the_same_version_and_verdict_add_no_record(self, registry, promoted):
        before = registry.records()
        again = registry.version("faint", "clear", identity=registry.tags(promoted[1])["identity"])
        registry.evaluate(again)
        assert registry.records() == before

    def test_a_record_that_mlflow_would_truncate_is_refused(self, registry, promoted):
        with pytest.raises(LedgerError, match="too long"):
            add_record(registry.client, MODEL, lambda _: RecordBody(kind="void", version="1", reason="x" * 6_000))
        assert registry.records("void") == []

    def test_two_writers_at_the_same_time_both_append_their_record(self, registry, promoted):
        before = len(registry.records())
        calls = []

        def second(records):
            if not calls:  # another process appends between the reading and the writing of this one
                calls.append(records)
                add_record(connect(), MODEL, lambda _: RecordBody(kind="void", version="1", reason="first"))
            return RecordBody(kind="void", version="1", reason="second")

        add_record(registry.client, MODEL, second)
        assert [record.reason for record in registry.records()[before:]] == ["first", "second"]


class TestBroken:
    def test_a_changed_record_is_named(self, registry, promoted, command):
        alter("update params set value = replace(value, 'A. Person', 'C. Person') where key = '000006'")
        code, shown = command()
        assert code == 1
        assert "broken at record 6: it was changed" in shown.err
        assert "approval" not in shown.out

    def test_a_truncated_ledger_is_named(self, registry, promoted, command):
        alter("delete from params where key = '000012'")
        code, shown = command("--problem", "tiny")
        assert code == 1
        assert "its head is record 12, but record 12 is missing" in shown.err

    def test_a_deleted_ledger_is_an_error_and_not_an_empty_one(self, registry, promoted, command):
        experiment = registry.client.get_experiment_by_name("evenhand-ledger-tiny")
        registry.client.delete_experiment(experiment.experiment_id)
        code, shown = command()
        assert code == 1
        assert "mlflow experiments restore" in shown.err
        alter("update experiments set name = 'renamed' where experiment_id = ?", experiment.experiment_id)
        assert "records 1 to 12 are missing" in command()[1].err

    @pytest.mark.parametrize("options", [(), ("--on", "2026-01-01"), ("--why",)])
    def test_a_broken_ledger_is_an_error_with_every_option(self, promoted, command, options):
        alter("delete from params where key = '000002'")
        code, shown = command(*options)
        assert code == 1
        assert "record 2 is missing" in shown.err

    def test_a_broken_ledger_stops_gate_promotion_and_rollback(self, registry, promoted):
        alter("update params set value = replace(value, 'A. Person', 'C. Person') where key = '000006'")
        before = registry.aliases()
        assert run_gate.fn(WITHOUT_REVIEW, registry.holdout, promoted[0]).outcome == "error"
        for attempt in (
            lambda: promote_alias(MODEL, promoted[0].version),
            lambda: roll_back(RollbackRequest(problem="tiny", **DECISION)),
            lambda: settled_champion(registry.client, MODEL),
        ):
            with pytest.raises(GateError, match="broken at record 6"):
                attempt()
        assert registry.aliases() == before


class TestCommand:
    def test_every_record_is_shown(self, promoted, command):
        code, shown = command()
        assert code == 0
        assert "evenhand-tiny: 12 records" in shown.out
        assert "promotion    version 2 by A. Person" in shown.out
        assert "Champion: version 2" in shown.out

    def test_the_champion_on_a_date(self, registry, promoted, command):
        assert "on 2020-01-01: no champion" in command("--on", "2020-01-01")[1].out
        first = registry.records("promotion")[0].at[:19]
        assert "version 2" in command("--on", "2999-01-01")[1].out
        assert f"on {first}: version" in command("--on", first)[1].out
        assert command("--on", "yesterday")[0] == 2

    def test_the_records_that_explain_the_champion(self, registry, promoted, command):
        text = command("--why")[1].out
        for part in ("verdict", "promote", "approval", "A. Person", "looks right", "model_sha256", "policy_sha256"):
            assert part in text
        assert registry.tags(promoted[1])["identity"] in text

    def test_without_a_model_there_is_no_ledger(self, registry, command):
        assert "No model is registered" in command()[1].out
        code, shown = command("--problem", "tiny")
        assert (code, "no registered model evenhand-tiny" in shown.err) == (1, True)

    def test_the_command_line(self, promoted):
        command = [sys.executable, "-m", "flows.ledger", "--problem", "tiny", "--why"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Champion: version 2" in done.stdout


class TestRollback:
    def test_it_restores_the_previous_champion_and_records_who_and_why(self, registry, promoted):
        result = roll_back(RollbackRequest(problem="tiny", **DECISION))
        assert result == f"{MODEL} version {promoted[0].version} is the champion again."
        assert registry.aliases() == {"champion": promoted[0].version}
        (record,) = registry.records("rollback")
        assert (record.version, record.by, record.reason) == (promoted[0].version, "B. Person", "errors at night")
        assert record.facts["from"] == promoted[1].version
        assert settled_champion(registry.client, MODEL)[1].version == promoted[0].version

    @pytest.mark.parametrize("missing", ["reason", "reviewer"])
    def test_a_reason_and_a_name_are_required(self, registry, promoted, missing):
        with pytest.raises(GateError, match="empty"):
            roll_back(RollbackRequest(problem="tiny", **(DECISION | {missing: " "})))
        assert registry.aliases() == {"champion": promoted[1].version}

    def test_a_previous_champion_is_required(self, registry):
        with pytest.raises(GateError, match="no registered model"):
            roll_back(RollbackRequest(problem="tiny", **DECISION))
        made = registry.champion("clear")
        with pytest.raises(GateError, match="no previous champion"):
            roll_back(RollbackRequest(problem="tiny", **DECISION))
        assert registry.aliases() == {"champion": made.version}

    def test_the_previous_champion_must_load(self, registry):
        first, second = registry.champion(logged=log(["faint"])), registry.champion("clear")
        files = registry.client.get_model_version_download_uri(MODEL, first.version)
        shutil.rmtree(files.removeprefix("file://"))
        with pytest.raises(GateError, match="can't be loaded"):
            roll_back(RollbackRequest(problem="tiny", **DECISION))
        assert registry.aliases() == {"champion": second.version}
        assert registry.records("rollback") == []

    def test_a_deleted_version_is_not_restored(self, registry):
        first, second = registry.champion("faint"), registry.champion("clear")
        registry.client.delete_model_version(MODEL, first.version)
        with pytest.raises(GateError, match="can't be loaded"):
            roll_back(RollbackRequest(problem="tiny", **DECISION))
        assert registry.aliases() == {"champion": second.version}

    def test_a_rolled_back_version_is_not_promoted_again_on_the_same_verdict(self, registry):
        first, second = registry.champion("faint"), registry.version("faint", "clear")
        registry.evaluate(second, WITHOUT_REVIEW)
        roll_back(RollbackRequest(problem="tiny", **DECISION))
        again = registry.version("faint", "clear", identity=registry.tags(second)["identity"])
        assert "was promoted on this verdict" in registry.evaluate(again, WITHOUT_REVIEW)[1]
        assert registry.aliases() == {"champion": first.version, "challenger": second.version}

    def test_a_killed_rollback_is_finished_and_not_done_twice(self, registry, promoted):
        roll_back(RollbackRequest(problem="tiny", **DECISION))
        undo_last_move(registry, promoted[1])
        assert f"version {promoted[0].version}" in roll_back(RollbackRequest(problem="tiny", **DECISION))
        assert len(registry.records("rollback")) == 1

    def test_the_flow_accepts_the_same_request(self, promoted):
        assert f"version {promoted[0].version}" in rollback.fn(RollbackRequest(problem="tiny", **DECISION))


class TestOutOfBand:
    def test_an_alias_moved_by_hand_is_recorded_once(self, registry, promoted, command):
        first, second = promoted
        registry.client.set_registered_model_alias(MODEL, "champion", first.version)
        for _ in range(2):
            code, shown = command()
            assert (code, f"alias champion points to version {first.version}: `make ledger" in shown.err) == (1, True)
            assert f"Champion: version {second.version}" in shown.out
        (record,) = registry.records("out of band")
        assert (record.version, record.by) == (first.version, "")
        assert f"pointed to version {first.version}; the ledger had version {second.version}" in record.reason
        assert registry.aliases()["champion"] == first.version

    def test_the_command_puts_the_alias_back(self, registry, promoted, command):
        registry.client.set_registered_model_alias(MODEL, "champion", promoted[0].version)
        assert f"points to version {promoted[1].version} again" in command("--problem", "tiny", "--restore")[1].out
        assert registry.aliases() == {"champion": promoted[1].version}
        assert "as the ledger has them" in command("--problem", "tiny", "--restore")[1].out
        assert command("--restore")[0] == 1

    def test_the_gate_records_a_deleted_alias(self, registry, promoted):
        registry.client.delete_registered_model_alias(MODEL, "champion")
        registry.evaluate(registry.version("clear"))
        (record,) = registry.records("out of band")
        assert record.version == ""

    def test_a_champion_without_a_ledger_is_none(self, registry):
        registry.client.create_registered_model(MODEL)
        version = registry.client.create_model_version(MODEL, "file:///tmp/nothing").version
        registry.client.set_registered_model_alias(MODEL, "champion", version)
        with pytest.raises(GateError, match=f"has no champion, but alias champion points to version {version}"):
            settled_champion(registry.client, MODEL)

    def test_a_champion_moved_by_hand_is_not_the_champion(self, registry, promoted):
        first, second = promoted
        assert settled_champion(registry.client, MODEL)[1].version == second.version
        registry.client.set_registered_model_alias(MODEL, "champion", first.version)
        with pytest.raises(GateError, match=f"alias champion points to version {first.version}"):
            settled_champion(registry.client, MODEL)
        registry.client.delete_registered_model_alias(MODEL, "champion")
        with pytest.raises(GateError, match="alias champion was deleted"):
            settled_champion(registry.client, MODEL)

    def test_a_rollback_starts_from_the_champion_of_the_ledger(self, registry, promoted):
        third = registry.version("clear")
        registry.client.set_registered_model_alias(MODEL, "champion", third.version)
        roll_back(RollbackRequest(problem="tiny", **DECISION))
        assert registry.records("rollback")[0].facts["from"] == promoted[1].version
        assert registry.aliases()["champion"] == promoted[0].version
        assert settled_champion(registry.client, MODEL)[1].version == promoted[0].version

    def test_an_unfinished_promotion_is_finished_and_not_out_of_band(self, registry, promoted):
        records = registry.records()
        undo_last_move(registry, promoted[0])
        reconcile(registry.client, MODEL)
        assert registry.aliases() == {"champion": promoted[1].version}
        assert registry.records() == records


def test_the_tracking_address_is_not_left_in_the_environment(registry):
    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_a_former_champion_that_wins_again_becomes_challenger(registry):
    first = registry.version("faint", identity="one")
    promote_alias(MODEL, first.version)
    registry.champion("clear")
    assert registry.version("faint", identity="one").aliases == ("challenger",)

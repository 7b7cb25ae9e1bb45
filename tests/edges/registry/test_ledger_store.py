"""The ledger on a real store: broken or cut it says where; the alias follows it, and who moves the alias is noted."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from evenhand.audit.chain import Entry, LedgerError
from evenhand.errors import GateError
from flows.ledger import LedgerRequest, show
from flows.rollback import rollback
from tasks.gate.run import run_gate
from tasks.local.command_line import run_command
from tasks.registry.client import connect
from tasks.registry.ledger import champion_in_order, settle, transact
from tasks.review.decide import decide_review
from tasks.review.rollback import RollbackRequest, roll_back
from tasks.settings import settings
from tests.edges.registry_world import MODEL, PROBLEM, WITHOUT_REVIEW, log, promote_alias, remembered, world

__all__ = ["world"]
ROOT = Path(__file__).resolve().parents[3]
WHY = {"reason": "it errs at night", "reviewer": "B. Person"}


@pytest.fixture
def two(world):
    """A first champion and a second one, by reviews."""

    def make():
        first, second = world.version("faint"), world.version("faint", "clear")
        for made in (first, second):
            world.judge(made)
            decide_review("tiny", made.version, "approve", "A. Person", "looks right")
        return first, second

    return remembered("two", make)


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
    """Change the database behind MLflow's back."""
    with sqlite3.connect(settings().home / "mlflow.db") as database:
        assert database.execute(statement, values).rowcount == 1


def undo_last_move(world, before):
    """Leave the store as it is when a process is killed after its record and before the alias."""
    last = world.records()[-2]
    world.client.set_registered_model_tag(MODEL, "ledger_head", f"{last.seq} {last.hash}")
    world.client.set_registered_model_alias(MODEL, "champion", before.version)


class TestRecords:
    def test_a_promotion_leaves_its_whole_case(self, world, two):
        kinds = ["registration", "registration"] + ["verdict", "request", "approval", "promotion"] * 2
        assert [record.kind for record in world.records()] == kinds
        assert world.aliases() == {"champion": two[1].version}

    def test_the_gate_s_rejection_is_recorded(self, world):
        world.champion("clear")
        worse = world.version("faint")
        world.judge(worse)
        (record,) = world.records("verdict")
        assert (record.version, record.facts["outcome"]) == (worse.version, "reject")

    def test_a_verdict_that_was_edited_in_its_tag_is_judged_again(self, world):
        first, worse = world.champion("clear"), world.version("faint")
        world.judge(worse)
        forged = world.tags(worse)["verdict_json"].replace('"reject"', '"promote"', 1)
        world.client.set_model_version_tag(MODEL, worse.version, "verdict_json", forged)
        assert world.judge(worse, PROBLEM)[0].outcome == "reject"
        assert world.aliases()["champion"] == first.version

    def test_a_person_s_rejection_is_recorded(self, world):
        made = world.version("clear")
        world.judge(made)
        decide_review("tiny", made.version, "reject", "A. Person", "too slow")
        (record,) = world.records("rejection")
        assert (record.version, record.by, record.reason) == (made.version, "A. Person", "too slow")

    def test_an_error_is_recorded_and_the_same_one_once(self, world):
        made = world.version("clear")
        for _ in range(2):
            assert run_gate.fn(PROBLEM, world.holdout.model_copy(update={"key": "gone"}), made).outcome == "error"
        assert [record.facts["outcome"] for record in world.records("verdict")] == ["error"]

    def test_the_same_again_adds_nothing(self, world, two):
        before = world.records()
        again = world.version("faint", "clear", identity=world.tags(two[1])["identity"])
        world.judge(again)
        assert world.records() == before

    def test_a_record_that_mlflow_would_cut_is_refused(self, world, two):
        with pytest.raises(LedgerError, match="too long"):
            transact(world.client, MODEL, lambda _: Entry(kind="void", version="1", reason="x" * 6_000))
        assert world.records("void") == []

    def test_of_two_writers_of_the_next_record_both_get_in(self, world, two):
        before = len(world.records())
        asked = []

        def second(records):
            if not asked:  # another process is quicker, between this one's look and its write
                asked.append(records)
                transact(connect(), MODEL, lambda _: Entry(kind="void", version="1", reason="first"))
            return Entry(kind="void", version="1", reason="second")

        transact(world.client, MODEL, second)
        assert [record.reason for record in world.records()[before:]] == ["first", "second"]


class TestBroken:
    def test_a_record_that_was_changed_is_named(self, world, two, command):
        alter("update params set value = replace(value, 'A. Person', 'C. Person') where key = '000005'")
        code, told = command()
        assert code == 1
        assert "broken at record 5: it was changed" in told.err
        assert "promotion" not in told.out

    def test_a_tail_that_was_cut_is_named(self, world, two, command):
        alter("delete from params where key = '000010'")
        code, told = command("--problem", "tiny")
        assert code == 1
        assert "its head names record 10, record 10 is missing" in told.err

    def test_a_deleted_run_of_records_is_not_started_anew(self, world, two, command):
        experiment = world.client.get_experiment_by_name("evenhand-ledger-tiny")
        world.client.delete_experiment(experiment.experiment_id)
        code, told = command()
        assert code == 1
        assert "mlflow experiments restore" in told.err
        alter("update experiments set name = 'put away' where experiment_id = ?", experiment.experiment_id)
        assert "records 1 to 10 are missing" in command()[1].err

    @pytest.mark.parametrize("options", [(), ("--on", "2026-01-01"), ("--why",)])
    def test_no_answer_is_an_error(self, two, command, options):
        alter("delete from params where key = '000002'")
        code, told = command(*options)
        assert code == 1
        assert "record 2 is missing" in told.err

    def test_nothing_is_judged_promoted_or_rolled_back_on_it(self, world, two):
        alter("update params set value = replace(value, 'A. Person', 'C. Person') where key = '000005'")
        before = world.aliases()
        assert run_gate.fn(WITHOUT_REVIEW, world.holdout, two[0]).outcome == "error"
        for attempt in (
            lambda: promote_alias(MODEL, two[0].version, "A. Person", ""),
            lambda: roll_back(RollbackRequest(problem="tiny", **WHY)),
            lambda: champion_in_order("tiny"),
        ):
            with pytest.raises(GateError, match="broken at record 5"):
                attempt()
        assert world.aliases() == before


class TestCommand:
    def test_it_shows_every_record(self, two, command):
        code, told = command()
        assert code == 0
        assert "evenhand-tiny: 10 records" in told.out
        assert "promotion    version 2 by A. Person" in told.out
        assert "Champion: version 2" in told.out

    def test_which_one_on_a_date(self, world, two, command):
        assert "on 2020-01-01: no champion" in command("--on", "2020-01-01")[1].out
        first = world.records("promotion")[0].at[:19]
        assert "version 2" in command("--on", "2999-01-01")[1].out
        assert f"on {first}: version" in command("--on", first)[1].out
        assert command("--on", "yesterday")[0] == 2

    def test_why_this_one(self, world, two, command):
        told = command("--why")[1].out
        for part in ("verdict", "promote", "approval", "A. Person", "looks right", "model_sha256", "policy_sha256"):
            assert part in told
        assert world.tags(two[1])["identity"] in told

    def test_without_models(self, world, command):
        assert "No model is registered" in command()[1].out
        code, told = command("--problem", "tiny")
        assert (code, "no registered model evenhand-tiny" in told.err) == (1, True)

    def test_as_a_user_types_it(self, two):
        words = [sys.executable, "-m", "flows.ledger", "--problem", "tiny", "--why"]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Champion: version 2" in done.stdout


class TestRollback:
    def test_it_puts_the_previous_one_back_and_says_who_and_why(self, world, two):
        back = roll_back(RollbackRequest(problem="tiny", **WHY))
        assert (back.version, back.aliases) == (two[0].version, ("champion",))
        (record,) = world.records("rollback")
        assert (record.version, record.by, record.reason) == (two[0].version, "B. Person", "it errs at night")
        assert record.facts["from"] == two[1].version
        assert champion_in_order("tiny")

    @pytest.mark.parametrize("lacks", ["reason", "reviewer"])
    def test_it_needs_a_reason_and_a_name(self, world, two, lacks):
        with pytest.raises(GateError, match="empty"):
            roll_back(RollbackRequest(problem="tiny", **(WHY | {lacks: " "})))
        assert world.aliases() == {"champion": two[1].version}

    def test_there_must_be_a_previous_one(self, world):
        with pytest.raises(GateError, match="no registered model"):
            roll_back(RollbackRequest(problem="tiny", **WHY))
        made = world.champion("clear")
        with pytest.raises(GateError, match="no previous champion"):
            roll_back(RollbackRequest(problem="tiny", **WHY))
        assert world.aliases() == {"champion": made.version}

    def test_it_must_load(self, world):
        first, second = world.champion(logged=log(["faint"])), world.champion("clear")
        files = world.client.get_model_version_download_uri(MODEL, first.version)
        shutil.rmtree(files.removeprefix("file://"))
        with pytest.raises(GateError, match="can't be loaded"):
            roll_back(RollbackRequest(problem="tiny", **WHY))
        assert world.aliases() == {"champion": second.version}
        assert world.records("rollback") == []

    def test_a_version_that_was_deleted_is_not_put_back(self, world):
        first, second = world.champion("faint"), world.champion("clear")
        world.client.delete_model_version(MODEL, first.version)
        with pytest.raises(GateError, match="can't be loaded"):
            roll_back(RollbackRequest(problem="tiny", **WHY))
        assert world.aliases() == {"champion": second.version}

    def test_what_was_rolled_back_does_not_come_back_by_itself(self, world):
        first, second = world.champion("faint"), world.version("faint", "clear")
        world.judge(second, WITHOUT_REVIEW)
        roll_back(RollbackRequest(problem="tiny", **WHY))
        again = world.version("faint", "clear", identity=world.tags(second)["identity"])
        assert "was champion on this verdict" in world.judge(again, WITHOUT_REVIEW)[1]
        assert world.aliases() == {"champion": first.version, "challenger": second.version}

    def test_killed_before_the_alias_moved_it_is_finished_and_not_done_twice(self, world, two):
        roll_back(RollbackRequest(problem="tiny", **WHY))
        undo_last_move(world, two[1])
        assert roll_back(RollbackRequest(problem="tiny", **WHY)).version == two[0].version
        assert len(world.records("rollback")) == 1

    def test_the_flow_takes_the_same_request(self, two):
        assert rollback.fn(RollbackRequest(problem="tiny", **WHY)).version == two[0].version


class TestOutOfBand:
    def test_an_alias_moved_by_hand_is_noted_once(self, world, two, command):
        world.client.set_registered_model_alias(MODEL, "champion", two[0].version)
        for _ in range(2):
            assert "changed alias champion by hand" in command()[1].out
        (record,) = world.records("out of band")
        assert (record.version, record.by) == (two[0].version, "")
        assert f"pointed to version {two[0].version} where the ledger has version {two[1].version}" in record.reason
        assert world.aliases()["champion"] == two[0].version

    def test_the_next_training_notes_it(self, world, two):
        world.client.delete_registered_model_alias(MODEL, "champion")
        world.judge(world.version("clear"))
        (record,) = world.records("out of band")
        assert record.version == ""

    def test_a_champion_without_any_ledger_is_out_of_band(self, world):
        world.client.create_registered_model(MODEL)
        version = world.client.create_model_version(MODEL, "file:///tmp/nothing").version
        world.client.set_registered_model_alias(MODEL, "champion", version)
        assert not champion_in_order("tiny")

    def test_scoring_can_refuse_it(self, world, two):
        assert champion_in_order("tiny")
        world.client.set_registered_model_alias(MODEL, "champion", two[0].version)
        assert not champion_in_order("tiny")
        world.client.delete_registered_model_alias(MODEL, "champion")
        assert not champion_in_order("tiny")
        roll_back(RollbackRequest(problem="tiny", **WHY))
        assert champion_in_order("tiny")

    def test_a_rollback_puts_the_promoted_one_back(self, world, two):
        third = world.version("clear")
        world.client.set_registered_model_alias(MODEL, "champion", third.version)
        assert roll_back(RollbackRequest(problem="tiny", **WHY)).version == two[1].version

    def test_an_unfinished_promotion_is_finished_and_is_not_out_of_band(self, world, two):
        records = world.records()
        undo_last_move(world, two[0])
        settle(world.client, MODEL)
        assert world.aliases() == {"champion": two[1].version}
        assert world.records() == records


def test_the_tracking_address_stays_out_of_the_environment(world):
    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_a_former_champion_that_wins_again_challenges(world):
    first = world.version("faint", identity="one")
    promote_alias(MODEL, first.version, "A. Person", "")
    world.champion("clear")
    assert world.version("faint", identity="one").aliases == ("challenger",)

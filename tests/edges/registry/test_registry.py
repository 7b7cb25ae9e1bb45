"""Versions, the champion and the gate on a real registry: what can't be read is never taken for a pass."""

import http.server
import json
import shutil
import threading
from pathlib import Path

import pytest

from evenhand.errors import GateError
from evenhand.gate.verdict import Verdict
from tasks.gate.run import run_gate
from tasks.registry.model_versions import Registered, champion, find_identity
from tasks.settings import settings
from tests.edges.registry_world import MODEL, PROBLEM, WITHOUT_REVIEW, log, promote_alias, world

__all__ = ["world"]


class TestVersions:
    def test_the_same_identity_makes_one_version(self, world):
        first, again = (world.version("clear", identity="same") for _ in range(2))
        assert (first.created, again.created) == (True, False)
        assert again.version == first.version
        assert len(world.client.search_model_versions(f"name = '{MODEL}'")) == 1

    def test_the_newest_winner_is_the_challenger_an_old_one_when_it_wins_again(self, world):
        first = world.version("faint", identity="one")
        second = world.version("clear", identity="two")
        assert world.aliases() == {"challenger": second.version}
        assert world.version("faint", identity="one").aliases == ("challenger",)
        assert world.aliases() == {"challenger": first.version}
        assert find_identity("tiny", "two").version == second.version
        assert find_identity("tiny", "three") is None

    def test_a_version_says_where_it_comes_from(self, world):
        made = world.version("clear", identity="one")
        assert made.name == MODEL
        tags = world.tags(made)
        assert tags.pop("trained_by")
        assert tags == {
            "identity": "one",
            "training": "20260101-tiny",
            "validation": "passed",
            "leak_sentinel": "clean",
        }
        assert world.client.get_run(made.run_id).info.status == "FINISHED"


class TestChampion:
    def test_no_model_and_no_alias_are_no_champion(self, world):
        assert champion("tiny") is None
        world.version("clear")
        assert champion("tiny") is None

    def test_promoting_twice_changes_nothing_more(self, world):
        first, second = world.champion("faint"), world.version("clear")
        for _ in range(2):
            promoted = promote_alias(MODEL, second.version, "B. Person", "better")
            assert promoted.aliases == ("champion",)
        assert champion("tiny").version == second.version
        assert world.client.get_registered_model(MODEL).tags["previous_champion"] == first.version
        assert [(r.version, r.by, r.reason) for r in world.records("promotion")] == [
            (first.version, "A. Person", "to begin with"),
            (second.version, "B. Person", "better"),
        ]

    def test_a_version_that_does_not_exist_is_not_promoted(self, world):
        made = world.champion("faint")
        with pytest.raises(GateError, match="version 9"):
            promote_alias(MODEL, "9", "B. Person", "")
        assert world.aliases() == {"champion": made.version}

    def test_the_champion_does_not_challenge_itself(self, world):
        made = world.version("clear", identity="one")
        promote_alias(MODEL, made.version, "A. Person", "")
        assert world.version("clear", identity="one").aliases == ("champion",)

    def test_an_unreachable_registry_is_no_missing_champion(self, world, unreachable):
        with pytest.raises(GateError, match="looking for the champion"):
            champion("tiny")

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (404, "<h1>Not found</h1>"),
            (403, json.dumps({"error_code": "PERMISSION_DENIED", "message": "no"})),
            (404, json.dumps({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "says a proxy about everything"})),
            (200, "<h1>Sign in</h1>"),
        ],
    )
    def test_a_server_that_does_not_answer_the_question_is_no_missing_champion(self, monkeypatch, status, body):
        with answering(status, body) as address:
            point_to(monkeypatch, address)
            with pytest.raises(GateError):
                champion("tiny")


class TestJudge:
    def test_the_first_model_passes_on_its_own_and_the_alias_waits(self, world):
        made = world.version("clear")
        verdict, status = world.judge(made)
        assert verdict.outcome == "promote (first)"
        assert "waits for a review" in status
        assert world.aliases() == {"challenger": made.version}

    def test_the_verdict_is_kept_with_the_version_and_the_run(self, world):
        made = world.version("clear")
        verdict, _ = world.judge(made)
        tags = world.tags(made)
        assert tags["verdict"] == "promote (first)"
        assert tags["verdict_reasons"] == " ".join(verdict.reasons)
        assert Verdict.model_validate_json(tags["verdict_json"]) == verdict
        path = Path(world.client.download_artifacts(made.run_id, "verdict.json"))
        assert Verdict.model_validate_json(path.read_text()) == verdict

    def test_a_better_one_passes_and_the_alias_waits(self, world):
        first, better = world.champion("faint"), world.version("faint", "clear")
        verdict, _ = world.judge(better)
        assert verdict.outcome == "promote"
        assert verdict.estimate > 0.1
        assert world.aliases() == {"champion": first.version, "challenger": better.version}

    def test_a_tie_is_rejected(self, world):
        first, same = world.champion("clear"), world.version("clear")
        verdict, status = world.judge(same, WITHOUT_REVIEW)
        assert (verdict.outcome, verdict.estimate) == ("reject", 0.0)
        assert "not promoted" in status
        assert world.aliases()["champion"] == first.version

    def test_a_worse_one_is_rejected(self, world):
        world.champion("clear")
        assert world.judge(world.version("faint"))[0].outcome == "reject"

    def test_without_review_a_pass_moves_the_alias_and_says_so(self, world):
        made = world.version("clear")
        verdict, status = world.judge(made, WITHOUT_REVIEW)
        assert "without a reviewer" in verdict.reasons[-1]
        assert "champion now, without a review" in status
        assert world.aliases() == {"champion": made.version}
        assert world.tags(made)["review"] == "not required"

    def test_the_same_case_is_judged_once(self, world):
        made = world.version("clear")
        first, _ = world.judge(made)
        shutil.rmtree(settings().store_uri)  # nothing is left to judge on
        assert world.judge(made)[0] == first

    def test_a_version_keeps_its_verdict_when_it_has_become_champion(self, world):
        made = world.version("clear")
        verdict, _ = world.judge(made, WITHOUT_REVIEW)
        again, status = world.judge(made, WITHOUT_REVIEW)
        assert again == verdict
        assert "is the champion" in status

    def test_another_champion_makes_another_case(self, world):
        made = world.version("clear")
        assert world.judge(made)[0].outcome == "promote (first)"
        world.champion("clear")
        assert world.judge(made)[0].outcome == "reject"


class TestErrorsNeverPass:
    def test_a_champion_that_can_not_be_loaded(self, world):
        first, better = world.champion(logged=log(["faint"])), world.version("clear")
        files = world.client.get_model_version_download_uri(MODEL, first.version)
        shutil.rmtree(files.removeprefix("file://"))
        verdict, status = world.judge(better, WITHOUT_REVIEW)
        assert (verdict.outcome, verdict.passes) == ("error", False)
        assert f"champion {MODEL} version {first.version} can't be loaded" in verdict.reasons[0]
        assert "Traceback" not in verdict.reasons[0]
        assert "not promoted" in status
        assert world.aliases() == {"champion": first.version, "challenger": better.version}
        assert world.tags(better)["verdict"] == "error"

    def test_a_champion_that_does_not_know_the_columns(self, world):
        first = world.champion(logged=log(["older"], renamed={"faint": "older"}))
        verdict, _ = world.judge(world.version("clear"), WITHOUT_REVIEW)
        assert verdict.outcome == "error"
        assert "can't score the held-out rows" in verdict.reasons[0]
        assert world.aliases()["champion"] == first.version

    def test_held_out_rows_that_are_not_what_was_referred_to(self, world):
        wrong = world.holdout.model_copy(update={"sha256": "ab" * 32})
        assert run_gate.fn(PROBLEM, wrong, world.version("clear")).outcome == "error"

    def test_an_unreachable_registry(self, world, unreachable):
        verdict = run_gate.fn(PROBLEM, world.holdout, Registered(name=MODEL, version="1"))
        assert verdict.outcome == "error"
        assert "registry failed" in verdict.reasons[0]

    def test_a_registry_without_the_model(self, world):
        assert run_gate.fn(PROBLEM, world.holdout, Registered(name=MODEL, version="1")).outcome == "error"

    def test_an_error_is_judged_again(self, world):
        made = world.version("clear")
        assert run_gate.fn(PROBLEM, world.holdout.model_copy(update={"key": "gone"}), made).outcome == "error"
        assert world.judge(made)[0].outcome == "promote (first)"


def point_to(monkeypatch, address):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    settings.cache_clear()


@pytest.fixture
def unreachable(monkeypatch, world):
    """Nothing listens where the registry should be."""
    point_to(monkeypatch, "http://127.0.0.1:9")


class answering:
    """A server that gives one answer to everything."""

    def __init__(self, status, body):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body.encode())

            do_POST = do_GET

            def log_message(self, *_args):
                """Stay silent."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *_error):
        self.server.shutdown()
        self.server.server_close()

"""Versions, the champion and the gate on a real registry: an error never counts as a pass."""

import http.server
import json
import shutil
import threading
from pathlib import Path

import pytest

from evenhand.errors import GateError
from evenhand.gate.verdict import Verdict
from tasks.gate.run_gate import run_gate
from tasks.registry.champion_alias import settled_champion
from tasks.registry.model_versions import Registered, registry_errors
from tasks.registry.register_version import find_registered
from tasks.registry.registrations import training_facts
from tasks.registry.verdicts import recorded_verdict
from tasks.settings import settings
from tasks.tracking.client import connect
from tests.edges.tiny_registry import MODEL, PROBLEM, WITHOUT_REVIEW, log, promote_alias, registry

__all__ = ["registry"]


class TestVersions:
    def test_the_same_identity_is_registered_once(self, registry):
        first, again = (registry.version("clear", identity="same") for _ in range(2))
        assert (first.created, again.created) == (True, False)
        assert again.version == first.version
        assert len(registry.client.search_model_versions(f"name = '{MODEL}'")) == 1

    def test_the_latest_winner_is_the_challenger_even_when_it_was_registered_before(self, registry):
        first = registry.version("faint", identity="one")
        second = registry.version("clear", identity="two")
        assert registry.aliases() == {"challenger": second.version}
        assert registry.version("faint", identity="one").aliases == ("challenger",)
        assert registry.aliases() == {"challenger": first.version}
        assert find_registered(MODEL, "two").version == second.version
        assert find_registered(MODEL, "three") is None

    def test_a_version_has_the_facts_of_its_training_in_the_ledger_and_as_tags(self, registry):
        made = registry.version("clear", identity="one")
        assert made.name == MODEL
        tags, (record,) = registry.tags(made), registry.records("registration")
        assert training_facts(record) == tags
        assert record.facts["model_sha256"] == registry.logged[("clear",)][1].sha256
        assert (record.facts["run_id"], record.facts["identity"]) == (made.run_id, "one")
        assert record.by == tags.pop("trained_by") != ""
        assert tags == {
            "identity": "one",
            "training": "20260101-tiny",
            "validation": "passed",
            "leak_sentinel": "clean",
        }
        assert registry.client.get_run(made.run_id).info.status == "FINISHED"


def champion():
    """The champion of the ledger, as the gate and scoring find it."""
    with registry_errors("looking for the champion"):
        return settled_champion(connect(), MODEL)[1]


class TestChampion:
    def test_without_a_model_or_a_promotion_there_is_no_champion(self, registry):
        assert champion() is None
        registry.version("clear")
        assert champion() is None

    def test_promoting_the_champion_changes_nothing(self, registry):
        first, second = registry.champion("faint"), registry.version("clear")
        for _ in range(2):
            assert promote_alias(MODEL, second.version).aliases == ("champion",)
        assert champion().version == second.version
        assert champion().model_sha256 == registry.logged[("clear",)][1].sha256
        assert registry.client.get_registered_model(MODEL).tags["previous_champion"] == first.version
        assert [r.version for r in registry.records("promotion")] == [first.version, second.version]

    def test_a_version_that_does_not_exist_is_not_promoted(self, registry):
        made = registry.champion("faint")
        with pytest.raises(GateError, match="version 9"):
            promote_alias(MODEL, "9")
        assert registry.aliases() == {"champion": made.version}

    def test_the_champion_does_not_become_challenger(self, registry):
        made = registry.version("clear", identity="one")
        promote_alias(MODEL, made.version)
        assert registry.version("clear", identity="one").aliases == ("champion",)

    def test_an_unreachable_registry_is_an_error_and_not_a_missing_champion(self, registry, unreachable):
        with pytest.raises(GateError, match="looking for the champion"):
            champion()

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (404, "<h1>Not found</h1>"),
            (403, json.dumps({"error_code": "PERMISSION_DENIED", "message": "no"})),
            (
                404,
                json.dumps(
                    {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "the answer of a proxy to every request"}
                ),
            ),
            (200, "<h1>Sign in</h1>"),
        ],
    )
    def test_an_unusable_answer_is_an_error_and_not_a_missing_champion(self, monkeypatch, status, body):
        with ConstantAnswer(status, body) as address:
            point_to(monkeypatch, address)
            with pytest.raises(GateError):
                champion()


class TestGate:
    def test_the_first_model_passes_and_waits_for_a_review(self, registry):
        made = registry.version("clear")
        verdict, status = registry.evaluate(made)
        assert verdict.outcome == "promote (first)"
        assert "waits for a review" in status
        assert registry.aliases() == {"challenger": made.version}

    def test_the_verdict_is_stored_with_the_version_and_the_run(self, registry):
        made = registry.version("clear")
        verdict, _ = registry.evaluate(made)
        tags = registry.tags(made)
        assert tags["verdict"] == "promote (first)"
        assert tags["verdict_reasons"] == " ".join(verdict.reasons)
        assert recorded_verdict(registry.client, MODEL, registry.records("verdict")[-1]) == verdict
        path = Path(registry.client.download_artifacts(made.run_id, "verdict.json"))
        assert Verdict.model_validate_json(path.read_text()) == verdict

    def test_a_better_challenger_passes_and_waits_for_a_review(self, registry):
        first, better = registry.champion("faint"), registry.version("faint", "clear")
        verdict, _ = registry.evaluate(better)
        assert verdict.outcome == "promote"
        assert verdict.estimate > 0.1
        assert registry.aliases() == {"champion": first.version, "challenger": better.version}

    def test_an_equal_challenger_is_rejected(self, registry):
        first, same = registry.champion("clear"), registry.version("clear")
        verdict, status = registry.evaluate(same, WITHOUT_REVIEW)
        assert (verdict.outcome, verdict.estimate) == ("reject", 0.0)
        assert "not promoted" in status
        assert registry.aliases()["champion"] == first.version

    def test_a_worse_challenger_is_rejected(self, registry):
        registry.champion("clear")
        assert registry.evaluate(registry.version("faint"))[0].outcome == "reject"

    def test_without_a_review_a_pass_moves_the_alias(self, registry):
        made = registry.version("clear")
        verdict, status = registry.evaluate(made, WITHOUT_REVIEW)
        assert "without a reviewer" in verdict.reasons[-1]
        assert "champion now, without a review" in status
        assert registry.aliases() == {"champion": made.version}
        assert registry.tags(made)["review"] == "not required"

    def test_the_same_case_is_evaluated_once(self, registry):
        made = registry.version("clear")
        first, _ = registry.evaluate(made)
        shutil.rmtree(settings().store_uri)  # a second evaluation would need the rows
        assert registry.evaluate(made)[0] == first

    def test_a_champion_keeps_its_verdict(self, registry):
        made = registry.version("clear")
        verdict, _ = registry.evaluate(made, WITHOUT_REVIEW)
        again, status = registry.evaluate(made, WITHOUT_REVIEW)
        assert again == verdict
        assert "is the champion" in status

    def test_with_another_champion_the_case_is_another(self, registry):
        made = registry.version("clear")
        assert registry.evaluate(made)[0].outcome == "promote (first)"
        registry.champion("clear")
        assert registry.evaluate(made)[0].outcome == "reject"


class TestErrorsNeverPass:
    def test_a_champion_that_can_not_be_loaded_is_an_error(self, registry):
        first, better = registry.champion(logged=log(["faint"])), registry.version("clear")
        files = registry.client.get_model_version_download_uri(MODEL, first.version)
        shutil.rmtree(files.removeprefix("file://"))
        verdict, status = registry.evaluate(better, WITHOUT_REVIEW)
        assert (verdict.outcome, verdict.passes) == ("error", False)
        assert f"champion {MODEL} version {first.version} can't be loaded" in verdict.reasons[0]
        assert "Traceback" not in verdict.reasons[0]
        assert "not promoted" in status
        assert registry.aliases() == {"champion": first.version, "challenger": better.version}
        assert registry.tags(better)["verdict"] == "error"

    def test_a_champion_that_needs_other_columns_is_an_error(self, registry):
        first = registry.champion(logged=log(["older"], renamed={"faint": "older"}))
        verdict, _ = registry.evaluate(registry.version("clear"), WITHOUT_REVIEW)
        assert verdict.outcome == "error"
        assert "can't score the held-out rows" in verdict.reasons[0]
        assert registry.aliases()["champion"] == first.version

    def test_held_out_rows_that_differ_from_their_reference_are_an_error(self, registry):
        wrong = registry.holdout.model_copy(update={"sha256": "ab" * 32})
        assert run_gate.fn(PROBLEM, wrong, registry.version("clear")).outcome == "error"

    def test_an_unreachable_registry_is_an_error(self, registry, unreachable):
        verdict = run_gate.fn(PROBLEM, registry.holdout, Registered(name=MODEL, version="1"))
        assert verdict.outcome == "error"
        assert "registry failed" in verdict.reasons[0]

    def test_a_registry_without_the_model_is_an_error(self, registry):
        assert run_gate.fn(PROBLEM, registry.holdout, Registered(name=MODEL, version="1")).outcome == "error"

    def test_after_an_error_the_case_is_evaluated_again(self, registry):
        made = registry.version("clear")
        assert run_gate.fn(PROBLEM, registry.holdout.model_copy(update={"key": "gone"}), made).outcome == "error"
        assert registry.evaluate(made)[0].outcome == "promote (first)"


def point_to(monkeypatch, address):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    settings.cache_clear()


@pytest.fixture
def unreachable(monkeypatch, registry):
    """Point the settings to an address where nothing listens."""
    point_to(monkeypatch, "http://127.0.0.1:9")


class ConstantAnswer:
    """A server that gives the same answer to every request."""

    def __init__(self, status, body):
        class ConstantAnswerHandler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body.encode())

            do_POST = do_GET

            def log_message(self, *_args):
                """Log nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), ConstantAnswerHandler)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *_error):
        self.server.shutdown()
        self.server.server_close()

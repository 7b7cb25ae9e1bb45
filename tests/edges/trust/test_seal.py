"""A ledger of an earlier version, without digests and signatures, is sealed and keeps its champion."""

import json
import uuid

import pytest

from evenhand.audit.chain import RecordBody, next_record
from evenhand.errors import GateError
from tasks.registry.ledger_store import HEAD, _create_run
from tasks.registry.ledger_text import ledger_as_text, seal_from_ledger
from tasks.review.decide import ReviewAnswer, decide_review
from tests.edges.tiny_registry import MODEL, registry, write_problem
from tests.edges.trust.attacks import recorded_champion
from tests.edges.trust.keys import problem_with

__all__ = ["registry"]


@pytest.fixture
def earlier(registry):
    """Two promoted versions and a pending one, as version 0.1 of the format had them."""
    client = registry.client
    client.create_registered_model(MODEL)
    made = []
    for columns in (("faint",), ("clear",), ("faint", "clear")):
        run_id, logged = registry.logged[columns]
        model_id = logged.uri.removeprefix("models:/")
        made.append(str(client.create_model_version(MODEL, logged.uri, run_id, model_id=model_id).version))
    kinds = [("registration", made[0]), ("promotion", made[0]), ("registration", made[1]), ("promotion", made[1])]
    kinds += [("registration", made[2]), ("request", made[2])]
    run_id, records = _create_run(client, MODEL), []
    for kind, version in kinds:
        body = RecordBody(kind=kind, version=version, by="A. Person", facts={"policy": '{"quorum": 1, "gone": 2}'})
        records.append(next_record(records, MODEL, body, "2026-01-01T00:00:00+00:00", uuid.uuid4().hex))
        client.log_param(run_id, str(records[-1].seq).zfill(6), records[-1].model_dump_json())
    client.set_registered_model_tag(MODEL, HEAD, f"{records[-1].seq} {records[-1].hash}")
    client.set_registered_model_alias(MODEL, "champion", made[1])
    return made, records


def test_the_champion_stays_and_the_seal_names_the_head(registry, earlier):
    (first, second, _), records = earlier
    text, faults = ledger_as_text("tiny")
    assert f"Champion: version {second}" in text
    assert faults == []
    (seal,) = registry.records("seal")
    assert seal.facts["head"] == f"{records[-1].seq} {records[-1].hash}"
    promotions = json.loads(seal.facts["promotions"])
    assert [item["version"] for item in promotions] == [first, second]
    assert promotions[1]["model_sha256"] == registry.logged[("clear",)][1].sha256
    ledger_as_text("tiny")
    assert len(registry.records("seal")) == 1


def test_a_version_that_waited_needs_a_new_training(registry, earlier):
    (*_, waiting), _ = earlier
    with pytest.raises(GateError, match="has no pending review"):
        decide_review(MODEL, waiting, ReviewAnswer("approve", "A. Person"))
    assert recorded_champion(registry) == earlier[0][1]


def test_a_new_training_is_compared_with_the_sealed_champion(registry, earlier):
    made = registry.version("faint")
    verdict, _ = registry.evaluate(made)
    assert verdict.outcome == "reject"
    assert registry.records("verdict")[-1].facts["compared_with"] == earlier[0][1]


def test_with_keys_in_the_problem_file_a_person_takes_it_over(registry, earlier):
    write_problem(problem_with("Ann"))
    with pytest.raises(GateError, match="ARGS=--seal"):
        decide_review(MODEL, earlier[0][2], ReviewAnswer("approve", "A. Person"))
    assert f"its champion is version {earlier[0][1]}" in seal_from_ledger("tiny")
    assert recorded_champion(registry) == earlier[0][1]
    assert ledger_as_text("tiny")[1] == []

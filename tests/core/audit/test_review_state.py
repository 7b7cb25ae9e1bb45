"""Champion and requests are read from the records of a ledger, and a record counts only with what it rests on."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from evenhand.audit.chain import RecordBody, canonical_json, next_record, sha256
from evenhand.audit.requests import is_trainer, may_be_approved, open_requirement
from evenhand.audit.review_state import (
    champion_records,
    champion_state,
    champion_state_on,
    latest_request,
    needs_seal,
)
from evenhand.problem import Reviewer, ReviewPolicy

MODEL = "evenhand-tiny"
NOBODY_ASKED = ReviewPolicy(review="never")


class Ledger:
    """A chain that is appended to; each case is a day after the one before."""

    def __init__(self):
        self.records, self.day = (), datetime(2026, 11, 1, 8, tzinfo=UTC)

    def add(self, kind, version, by="", **facts):
        body = RecordBody(kind=kind, version=version, by=by, facts=facts)
        made = next_record(self.records, MODEL, body, self.day.isoformat(), f"id{len(self.records)}")
        self.records = (*self.records, made)
        return made

    def request(self, version, policy=NOBODY_ASKED, outcome="promote", gate="its gate", **changes):
        """Register a version, judge it against the champion, and request a review."""
        files, champion = {"model_sha256": f"files of {version}"}, champion_state(self.records).champion
        registration = self.add("registration", version, **files, created=f"time of {version}")
        verdict = self.add("verdict", version, outcome=outcome, verdict_sha256=f"verdict on {version}")
        bound = {"registration": registration.hash, "verdict_sha256": verdict.facts["verdict_sha256"], **files}
        content = {"gate": gate, "review": policy.model_dump(mode="json")}
        rules = {"rules": canonical_json(content), "policy_sha256": sha256(content), "trained_by": "ann"}
        return self.add("request", version, **{**bound, **rules, "compared_with": champion, **changes})

    def promote(self, version, **changes):
        request = self.request(version, **changes)
        self.add("promotion", version, request=request.hash)
        self.day += timedelta(days=1)


def after(*moves):
    """A ledger after moves such as ``"promotion 1"``; a promotion has everything that it rests on."""
    ledger = Ledger()
    for move in moves:
        kind, _, version = move.rpartition(" ")
        if kind == "promotion":
            ledger.promote(version)
        else:
            ledger.add(kind, version)
    return ledger


class TestChampionState:
    @pytest.mark.parametrize(
        ("moves", "champion", "previous"),
        [
            ([], "", None),
            (["promotion 1"], "1", None),
            (["promotion 1", "promotion 2"], "2", "1"),
            (["promotion 1", "promotion 2", "rollback 1"], "1", None),
            (["promotion 1", "promotion 2", "promotion 3", "rollback 2", "rollback 1"], "1", None),
            (["promotion 1", "promotion 2", "rollback 1", "promotion 3"], "3", "1"),
            (["promotion 1", "promotion 2", "rollback "], "", None),
            (["promotion 1", "rollback ", "promotion 2"], "2", None),
            (["promotion 1", "out of band 9"], "1", None),
            (["promotion 1", "out of band "], "1", None),
            (["out of band 9"], "", None),
            (["promotion 1", "out of band 9", "promotion 2"], "2", "1"),
        ],
    )
    def test_champion_and_the_version_a_rollback_restores(self, moves, champion, previous):
        now = champion_state(after(*moves).records)
        assert (now.champion, now.previous.version if now.previous else None) == (champion, previous)
        assert now.refused == ()

    def test_a_champion_is_known_by_its_files_and_its_creation(self):
        current = champion_state(after("promotion 1", "promotion 2").records).current
        assert (current.model_sha256, current.created) == ("files of 2", "time of 2")

    def test_the_champion_on_a_date(self):
        records = after("promotion 1", "promotion 2", "promotion 3").records  # on the 1st, 2nd and 3rd at 8
        days = ["2026-10-31", "2026-11-01", "2026-11-02", "2026-12-01"]
        assert [champion_state_on(records, day).champion for day in days] == ["", "1", "2", "3"]
        assert [champion_state_on(records, f"2026-11-02T{time}").champion for time in ("07:59", "08:00")] == ["1", "2"]

    def test_champion_records_are_those_of_its_own_version(self):
        ledger = after("promotion 1")
        request = ledger.request("2", ReviewPolicy())
        ledger.add("approval", "2", by="Bob", request=request.hash)
        ledger.add("promotion", "2", request=request.hash)
        kinds = ["registration", "verdict", "request", "approval", "promotion"]
        assert [(r.kind, r.version) for r in champion_records(ledger.records)] == [(kind, "2") for kind in kinds]
        assert champion_records(()) == []


class TestPromotionsThatCountForNothing:
    def refused(self, ledger):
        """The reason why the last record counts for nothing; the champion is the one before."""
        state = champion_state(ledger.records)
        assert state.champion == "1"
        ((record, reason),) = state.refused
        assert record == ledger.records[-1]
        return reason

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"registration": "another"}, "not about the registered version"),
            ({"model_sha256": "other files"}, "about other files than the registered ones"),
            ({"model_sha256": ""}, "about other files than the registered ones"),
            ({"verdict_sha256": "another"}, "about another verdict"),
            ({"compared_with": ""}, "compared with another champion"),
            ({"compared_with": "7"}, "compared with another champion"),
            ({"outcome": "reject"}, "the gate did not pass it"),
            ({"policy": ReviewPolicy()}, "it lacks approvals (0 of 1 so far)"),
        ],
    )
    def test_what_a_promotion_rests_on(self, changes, reason):
        ledger = after("promotion 1")
        ledger.promote("2", **changes)
        assert reason in self.refused(ledger)

    def test_a_promotion_without_a_request(self):
        ledger = after("promotion 1")
        ledger.request("2")
        ledger.add("promotion", "2")
        assert self.refused(ledger) == "there is no request for it"

    def test_a_promotion_by_the_request_of_another_version(self):
        ledger = after("promotion 1")
        request = ledger.request("2")
        ledger.request("3")
        ledger.add("promotion", "3", request=request.hash)
        assert self.refused(ledger) == "there is no request for it"

    def test_a_promotion_by_a_request_from_before_it_was_made_again(self):
        ledger = after("promotion 1")
        request = ledger.request("2")
        ledger.add("registration", "2", model_sha256="files of 2", created="later")
        ledger.add("promotion", "2", request=request.hash)
        assert "not about the registered version" in self.refused(ledger)

    @pytest.mark.parametrize("version", ["1", "7"])
    def test_a_rollback_to_anything_but_the_previous_champion(self, version):
        ledger = after("promotion 1")
        ledger.add("rollback", version)
        assert self.refused(ledger) == "it does not restore the previous champion"


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [([], False), (["out of band"], False), (["registration"], False), (["registration", "promotion"], True)],
)
def test_only_a_champion_of_an_earlier_version_needs_a_seal(kinds, expected):
    ledger = Ledger()
    for kind in kinds:
        ledger.add(kind, "1")
    assert needs_seal(ledger.records) is expected
    ledger.request("2")
    assert not needs_seal(ledger.records)


def reviewers(*names):
    """Reviewers whom the tracking server authenticates."""
    return tuple(Reviewer(name=name, user=name.lower()) for name in names)


def approve(ledger, request, name, user=None):
    ledger.add("approval", request.version, by=name, request=request.hash, tracking_user=user or name.lower())


class TestRequests:
    @pytest.mark.parametrize(
        ("quorum", "four_eyes", "approved_by", "lacks"),
        [
            (1, False, ["Ann"], None),
            (1, False, [], "approvals (0 of 1 so far)"),
            (2, False, ["Bob"], "approvals (1 of 2 so far)"),
            (2, False, ["Bob", "Bob"], "approvals (1 of 2 so far)"),
            (2, False, ["Bob", "BOB"], "approvals (1 of 2 so far)"),
            (2, False, ["Bob", "Dan"], "approvals (1 of 2 so far)"),
            (2, False, ["Bob", "Ann"], None),
            (1, True, ["Ann"], "the approval of somebody who did not train it"),
            (1, True, ["Bob"], None),
            (2, True, ["Ann", "Bob"], None),
        ],
    )
    def test_a_request_needs_its_quorum_and_four_eyes(self, quorum, four_eyes, approved_by, lacks):
        policy = ReviewPolicy(reviewers=reviewers("Ann", "Bob", "Cy"), quorum=quorum, four_eyes=four_eyes)
        ledger = Ledger()
        filed = ledger.request("1", policy)
        for name in approved_by:
            approve(ledger, filed, name)
        request = latest_request(ledger.records, "1")
        assert open_requirement(request) == lacks
        assert request.state == ("pending" if lacks else "approved")

    def test_an_approval_without_the_proof_of_its_reviewer_does_not_count(self):
        ledger = Ledger()
        filed = ledger.request("1", ReviewPolicy(reviewers=reviewers("Ann", "Bob")))
        approve(ledger, filed, "Bob", user="ann")
        ledger.add("approval", "1", by="Bob", request=filed.hash)
        assert latest_request(ledger.records, "1").approvals == ()

    def test_other_rules_than_those_in_force_must_both_agree(self):
        ledger = Ledger()
        first = ledger.request("1", ReviewPolicy(reviewers=reviewers("Ann")))
        approve(ledger, first, "Ann")
        ledger.add("promotion", "1", request=first.hash)
        second = ledger.request("2", gate="a looser gate")
        request = latest_request(ledger.records, "2")
        assert [rules.sha256 for rules in request.binding] == [r.facts["policy_sha256"] for r in (second, first)]
        assert open_requirement(request).startswith("approvals (0 of 1 so far), by the rules in force")
        approve(ledger, second, "Ann")
        assert latest_request(ledger.records, "2").state == "approved"

    @pytest.mark.parametrize(
        ("accounts", "reviewer", "expected"),
        [
            ("ann", "Ann", True),
            ("root, ann", "Ann", True),
            ("ann", "Bob", False),
            ("BOB", "Bob", True),
            ("", "Bob", True),
        ],
    )
    def test_a_trainer_is_known_by_name_or_account(self, accounts, reviewer, expected):
        assert is_trainer(ReviewPolicy(reviewers=reviewers("Ann", "Bob")), reviewer, accounts) == expected

    @pytest.mark.parametrize(
        ("kind", "state"),
        [("promotion", "promoted"), ("rejection", "rejected"), ("expiry", "expired"), ("void", "void")],
    )
    def test_a_request_is_closed_once(self, kind, state):
        ledger = Ledger()
        filed = ledger.request("1", ReviewPolicy())
        for closing, by in (("approval", "Bob"), (kind, "Bob"), ("rejection", "Cy")):
            ledger.add(closing, "1", by=by, request=filed.hash)
        request = latest_request(ledger.records, "1")
        assert (request.state, request.closed.kind) == (state, kind)

    def test_a_promotion_that_counts_for_nothing_closes_no_request(self):
        ledger = Ledger()
        filed = ledger.request("1", ReviewPolicy())
        ledger.add("promotion", "1", request=filed.hash)
        assert latest_request(ledger.records, "1").state == "pending"

    def test_a_new_request_needs_new_approvals(self):
        ledger = Ledger()
        first = ledger.request("1", ReviewPolicy())
        ledger.add("approval", "1", by="Bob", request=first.hash)
        assert latest_request(ledger.records, "1").state == "approved"
        ledger.add("request", "1", **first.facts)
        assert latest_request(ledger.records, "1").state == "pending"
        assert latest_request(ledger.records, "2") is None

    @pytest.mark.parametrize(
        ("outcome", "needed", "accepted", "expected"),
        [
            ("promote", [], [], True),
            ("promote (first)", [], [], True),
            ("reject", [], [["calibration"]], False),
            ("insufficient evidence", ["calibration"], [], False),
            ("insufficient evidence", ["calibration"], [[]], False),
            ("insufficient evidence", ["calibration"], [["calibration"]], True),
            ("insufficient evidence", ["calibration", "slices"], [["calibration"], ["slices"]], False),
        ],
    )
    def test_an_open_condition_is_accepted_by_name_in_every_approval(self, outcome, needed, accepted, expected):
        verdict = Ledger().add("verdict", "1", outcome=outcome, acknowledge=json.dumps(needed))
        approvals = [
            RecordBody(kind="approval", version="1", facts={"acknowledged": json.dumps(names)}) for names in accepted
        ]
        assert may_be_approved(verdict, approvals) is expected
        assert not may_be_approved(None, approvals)

"""Any change of the chain is detected; champion and requests are read correctly from its records."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.audit.chain import Head, LedgerError, RecordBody, next_record, read_chain, record_name
from evenhand.audit.review_state import (
    champion_records,
    champion_state,
    champion_state_on,
    is_trainer,
    latest_request,
    open_requirement,
)
from evenhand.problem import Reviewer, ReviewPolicy

MODEL = "evenhand-tiny"
KINDS = st.sampled_from(["registration", "verdict", "promotion", "rollback", "out of band"])
BODIES = st.lists(
    st.builds(RecordBody, kind=KINDS, version=st.sampled_from("123"), reason=st.text(max_size=5)), max_size=6
)
FEW = settings(max_examples=40, deadline=None)


def chain(*bodies):
    records = ()
    for number, body in enumerate(bodies, start=1):
        records = (*records, next_record(records, MODEL, body, f"2026-11-{number:02}T08:00:00+00:00", f"id{number}"))
    return records


def stored(records):
    return {record_name(record.seq): record.model_dump_json() for record in records}


def moves(*texts):
    """A chain of alias moves such as ``"promotion 1"``."""
    parts = (text.rpartition(" ") for text in texts)
    return chain(*(RecordBody(kind=kind, version=version) for kind, _, version in parts))


class TestChain:
    @FEW
    @given(BODIES)
    def test_records_read_back_as_written(self, bodies):
        records = chain(*bodies)
        assert read_chain(MODEL, stored(records), Head.of(records)).verified() == records

    @FEW
    @given(BODIES.filter(bool), st.data())
    def test_a_changed_record_is_named(self, bodies, data):
        records = chain(*bodies)
        texts = stored(records)
        seq = data.draw(st.integers(1, len(records)))
        body = json.loads(texts[record_name(seq)])
        field = data.draw(st.sampled_from(["version", "reason", "at", "id", "by", "previous", "hash", "model"]))
        body[field] = body[field] + "0"
        found = read_chain(MODEL, texts | {record_name(seq): json.dumps(body)}, Head.of(records))
        assert f"broken at record {seq}" in found.fault
        assert found.records == records[: seq - 1]
        with pytest.raises(LedgerError):
            found.verified()

    @FEW
    @given(BODIES.filter(bool), st.data())
    def test_a_missing_record_is_named(self, bodies, data):
        records = chain(*bodies)
        texts = stored(records)
        seq = data.draw(st.integers(1, len(records)))
        del texts[record_name(seq)]
        fault = read_chain(MODEL, texts, Head.of(records)).fault
        assert f"record {seq} is missing" in fault

    def test_a_truncated_chain_is_detected_by_the_head_alone(self):
        records = moves("promotion 1", "promotion 2", "promotion 3")
        assert read_chain(MODEL, stored(records[:1]), Head()).fault is None
        assert "records 2 to 3 are missing" in read_chain(MODEL, stored(records[:1]), Head.of(records)).fault

    def test_another_complete_chain_is_detected_by_the_head(self):
        records, others = moves("promotion 1", "promotion 2"), moves("promotion 1", "promotion 3")
        assert "broken at record 2" in read_chain(MODEL, stored(others), Head.of(records)).fault

    def test_an_older_head_is_not_a_fault(self):
        records = moves("promotion 1", "promotion 2")
        assert read_chain(MODEL, stored(records), Head.of(records[:1])).fault is None

    @pytest.mark.parametrize("text", ["{}", "", "not json", '{"seq": 2}'])
    def test_text_that_is_not_a_record_is_named(self, text):
        records = moves("promotion 1")
        assert (
            "record 2: it can't be read" in read_chain(MODEL, {**stored(records), record_name(2): text}, Head()).fault
        )

    def test_a_foreign_entry_among_the_records_is_named(self):
        assert "record 2" in read_chain(MODEL, {**stored(moves("promotion 1")), "note": "hello"}, Head()).fault

    @pytest.mark.parametrize("text", ["x", "1", "-1 " + "0" * 64, "1 abc"])
    def test_text_that_is_not_a_head_is_refused(self, text):
        with pytest.raises(LedgerError, match="not a number and a hash"):
            Head.parse(text)

    @FEW
    @given(BODIES)
    def test_a_head_reads_back(self, bodies):
        head = Head.of(chain(*bodies))
        assert Head.parse(str(head)) == head


class TestChampionState:
    @pytest.mark.parametrize(
        ("texts", "champion", "previous", "was_promoted"),
        [
            ([], "", "", True),
            (["promotion 1"], "1", "", True),
            (["promotion 1", "promotion 2"], "2", "1", True),
            (["promotion 1", "promotion 2", "rollback 1"], "1", "", True),
            (["promotion 1", "promotion 2", "promotion 3", "rollback 2", "rollback 1"], "1", "", True),
            (["promotion 1", "promotion 2", "rollback 1", "promotion 3"], "3", "1", True),
            (["promotion 1", "out of band 9"], "9", "1", False),
            (["promotion 1", "out of band "], "", "1", False),
            (["out of band 9"], "9", "", False),
            (["promotion 1", "out of band 9", "out of band 1"], "1", "", True),
            (["promotion 1", "out of band 9", "rollback 1"], "1", "", True),
            (["promotion 1", "out of band 9", "promotion 2"], "2", "1", True),
        ],
    )
    def test_champion_and_the_version_a_rollback_restores(self, texts, champion, previous, was_promoted):
        now = champion_state(moves(*texts))
        assert (now.champion, now.previous, now.was_promoted) == (champion, previous, was_promoted)

    def test_the_champion_on_a_date(self):
        records = moves("promotion 1", "promotion 2", "promotion 3")  # on the 1st, 2nd and 3rd at 8
        days = ["2026-10-31", "2026-11-01", "2026-11-02", "2026-12-01"]
        assert [champion_state_on(records, day).champion for day in days] == ["", "1", "2", "3"]
        assert [champion_state_on(records, f"2026-11-02T{time}").champion for time in ("07:59", "08:00")] == ["1", "2"]

    def test_champion_records_are_those_of_its_own_version(self):
        own = [RecordBody(kind="registration", version="2"), RecordBody(kind="verdict", version="2")]
        others = [RecordBody(kind="registration", version="1"), RecordBody(kind="promotion", version="1")]
        records = chain(*others, *own)
        request = next_record(records, MODEL, RecordBody(kind="request", version="2"), "2026-11-05", "a")
        facts = {"request": request.hash}
        decisions = [
            RecordBody(kind="approval", version="2", facts=facts),
            RecordBody(kind="promotion", version="2", facts=facts),
        ]
        records = (*records, request)
        for body in decisions:
            records = (*records, next_record(records, MODEL, body, "2026-11-06", body.kind))
        assert [r.kind for r in champion_records(records)] == [
            "registration",
            "verdict",
            "request",
            "approval",
            "promotion",
        ]
        assert champion_records(()) == []


def reviewers(*names):
    return tuple(Reviewer(name=n, key=f"env:{n}", fingerprint=f"{i:064x}", user=n.lower()) for i, n in enumerate(names))


class TestRequests:
    def request(self, policy, *later, trained="ann"):
        facts = {"policy": policy.model_dump_json(), "trained_by": trained}
        (filed,) = chain(RecordBody(kind="request", version="1", facts=facts))
        records = (filed,)
        for number, (kind, by) in enumerate(later):
            body = RecordBody(kind=kind, version="1", by=by, facts={"request": filed.hash})
            records = (*records, next_record(records, MODEL, body, "2026-11-06", str(number)))
        return latest_request(records, "1")

    @pytest.mark.parametrize(
        ("quorum", "four_eyes", "approved_by", "lacks"),
        [
            (1, False, ["Ann"], None),
            (1, False, [], "approvals (0 of 1 so far)"),
            (2, False, ["Bob"], "approvals (1 of 2 so far)"),
            (2, False, ["Bob", "Bob"], "approvals (1 of 2 so far)"),
            (2, False, ["Bob", "Ann"], None),
            (1, True, ["Ann"], "the approval of somebody who did not train it"),
            (1, True, ["Bob"], None),
            (2, True, ["Ann", "Bob"], None),
        ],
    )
    def test_a_request_needs_its_quorum_and_four_eyes(self, quorum, four_eyes, approved_by, lacks):
        policy = ReviewPolicy(reviewers=reviewers("Ann", "Bob", "Cy"), quorum=quorum, four_eyes=four_eyes)
        request = self.request(policy, *(("approval", by) for by in approved_by))
        assert open_requirement(request) == lacks
        assert request.state == ("pending" if lacks else "approved")

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
        request = self.request(ReviewPolicy(), ("approval", "Bob"), (kind, "Bob"), ("rejection", "Cy"))
        assert (request.state, request.closed.kind) == (state, kind)

    def test_a_new_request_needs_new_approvals(self):
        facts = {"policy": ReviewPolicy().model_dump_json()}
        first = chain(RecordBody(kind="request", version="1", facts=facts))
        approval = RecordBody(kind="approval", version="1", by="Bob", facts={"request": first[0].hash})
        records = (*first, next_record(first, MODEL, approval, "2", "b"))
        assert latest_request(records, "1").state == "approved"
        again = RecordBody(kind="request", version="1", facts=facts)
        records = (*records, next_record(records, MODEL, again, "3", "c"))
        assert latest_request(records, "1").state == "pending"
        assert latest_request(records, "2") is None

"""The chain shows every change, and the history that it tells is the one that was written."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.audit.chain import Entry, Head, LedgerError, link, name_of, read_chain
from evenhand.audit.review_state import missing, request_for, standing, standing_on, trained_by, why
from evenhand.problem import Reviewer, ReviewPolicy

MODEL = "evenhand-tiny"
KINDS = st.sampled_from(["registration", "verdict", "promotion", "rollback", "out of band"])
ENTRIES = st.lists(st.builds(Entry, kind=KINDS, version=st.sampled_from("123"), reason=st.text(max_size=5)), max_size=6)
FEW = settings(max_examples=40, deadline=None)


def chain(*entries):
    records = ()
    for number, entry in enumerate(entries, start=1):
        records = (*records, link(records, MODEL, entry, f"2026-11-{number:02}T08:00:00+00:00", f"id{number}"))
    return records


def kept(records):
    return {name_of(record.seq): record.model_dump_json() for record in records}


def moves(*told):
    """A chain of moves such as ``"promotion 1"``."""
    return chain(*(Entry(kind=kind, version=version) for kind, _, version in (t.rpartition(" ") for t in told)))


class TestChain:
    @FEW
    @given(ENTRIES)
    def test_what_was_written_reads_back(self, entries):
        records = chain(*entries)
        assert read_chain(MODEL, kept(records), Head.of(records)).sound() == records

    @FEW
    @given(ENTRIES.filter(bool), st.data())
    def test_any_change_is_named_at_its_record(self, entries, data):
        records = chain(*entries)
        there = kept(records)
        seq = data.draw(st.integers(1, len(records)))
        body = json.loads(there[name_of(seq)])
        field = data.draw(st.sampled_from(["version", "reason", "at", "id", "by", "previous", "hash", "model"]))
        body[field] = body[field] + "0"
        found = read_chain(MODEL, there | {name_of(seq): json.dumps(body)}, Head.of(records))
        assert f"broken at record {seq}" in found.fault
        assert found.records == records[: seq - 1]
        with pytest.raises(LedgerError):
            found.sound()

    @FEW
    @given(ENTRIES.filter(bool), st.data())
    def test_a_record_that_is_left_out_or_cut_off_is_named(self, entries, data):
        records = chain(*entries)
        there = kept(records)
        seq = data.draw(st.integers(1, len(records)))
        del there[name_of(seq)]
        fault = read_chain(MODEL, there, Head.of(records)).fault
        assert f"record {seq} is missing" in fault

    def test_a_cut_tail_shows_by_the_head_alone(self):
        records = moves("promotion 1", "promotion 2", "promotion 3")
        assert read_chain(MODEL, kept(records[:1]), Head()).fault is None
        assert "records 2 to 3 are missing" in read_chain(MODEL, kept(records[:1]), Head.of(records)).fault

    def test_a_whole_other_chain_shows_by_the_head(self):
        records, others = moves("promotion 1", "promotion 2"), moves("promotion 1", "promotion 3")
        assert "broken at record 2" in read_chain(MODEL, kept(others), Head.of(records)).fault

    def test_a_head_that_is_behind_is_no_fault(self):
        records = moves("promotion 1", "promotion 2")
        assert read_chain(MODEL, kept(records), Head.of(records[:1])).fault is None

    @pytest.mark.parametrize("text", ["{}", "", "not json", '{"seq": 2}'])
    def test_what_is_no_record_is_named(self, text):
        records = moves("promotion 1")
        assert "record 2: it can't be read" in read_chain(MODEL, {**kept(records), name_of(2): text}, Head()).fault

    def test_something_else_among_the_records_is_named(self):
        assert "record 2" in read_chain(MODEL, {**kept(moves("promotion 1")), "note": "hello"}, Head()).fault

    @pytest.mark.parametrize("text", ["x", "1", "-1 " + "0" * 64, "1 abc"])
    def test_a_head_that_is_none(self, text):
        with pytest.raises(LedgerError, match="not a number and a hash"):
            Head.parse(text)

    @FEW
    @given(ENTRIES)
    def test_a_head_reads_back(self, entries):
        head = Head.of(chain(*entries))
        assert Head.parse(str(head)) == head


class TestStanding:
    @pytest.mark.parametrize(
        ("told", "champion", "previous", "in_order"),
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
    def test_champion_and_way_back(self, told, champion, previous, in_order):
        now = standing(moves(*told))
        assert (now.champion, now.previous, now.in_order) == (champion, previous, in_order)

    def test_on_a_date(self):
        records = moves("promotion 1", "promotion 2", "promotion 3")  # on the 1st, 2nd and 3rd at 8
        days = ["2026-10-31", "2026-11-01", "2026-11-02", "2026-12-01"]
        assert [standing_on(records, day).champion for day in days] == ["", "1", "2", "3"]
        assert [standing_on(records, f"2026-11-02T{time}").champion for time in ("07:59", "08:00")] == ["1", "2"]

    def test_why_holds_the_version_s_own_records(self):
        mine = [Entry(kind="registration", version="2"), Entry(kind="verdict", version="2")]
        others = [Entry(kind="registration", version="1"), Entry(kind="promotion", version="1")]
        records = chain(*others, *mine)
        asked = link(records, MODEL, Entry(kind="request", version="2"), "2026-11-05", "a")
        about = {"request": asked.hash}
        done = [Entry(kind="approval", version="2", facts=about), Entry(kind="promotion", version="2", facts=about)]
        records = (*records, asked)
        for entry in done:
            records = (*records, link(records, MODEL, entry, "2026-11-06", entry.kind))
        assert [r.kind for r in why(records)] == ["registration", "verdict", "request", "approval", "promotion"]
        assert why(()) == []


def reviewers(*names):
    return tuple(Reviewer(name=n, key=f"env:{n}", fingerprint=f"{i:064x}", user=n.lower()) for i, n in enumerate(names))


class TestRequests:
    def filed(self, policy, *ends, trained="ann"):
        facts = {"policy": policy.model_dump_json(), "trained_by": trained}
        (asked,) = chain(Entry(kind="request", version="1", facts=facts))
        records = (asked,)
        for number, (kind, by) in enumerate(ends):
            entry = Entry(kind=kind, version="1", by=by, facts={"request": asked.hash})
            records = (*records, link(records, MODEL, entry, "2026-11-06", str(number)))
        return request_for(records, "1")

    @pytest.mark.parametrize(
        ("quorum", "four_eyes", "approved_by", "lacks"),
        [
            (1, False, ["Ann"], None),
            (1, False, [], "0 of 1 approvals"),
            (2, False, ["Bob"], "1 of 2 approvals"),
            (2, False, ["Bob", "Bob"], "1 of 2 approvals"),
            (2, False, ["Bob", "Ann"], None),
            (1, True, ["Ann"], "who trained it can't approve it alone"),
            (1, True, ["Bob"], None),
            (2, True, ["Ann", "Bob"], None),
        ],
    )
    def test_what_is_needed(self, quorum, four_eyes, approved_by, lacks):
        policy = ReviewPolicy(reviewers=reviewers("Ann", "Bob", "Cy"), quorum=quorum, four_eyes=four_eyes)
        request = self.filed(policy, *(("approval", by) for by in approved_by))
        assert missing(request) == lacks
        assert request.state == ("pending" if lacks else "approved")

    @pytest.mark.parametrize(
        ("trained", "who", "is_one"),
        [
            ("ann", "Ann", True),
            ("root, ann", "Ann", True),
            ("ann", "Bob", False),
            ("BOB", "Bob", True),
            ("", "Bob", True),
        ],
    )
    def test_who_trained(self, trained, who, is_one):
        assert trained_by(ReviewPolicy(reviewers=reviewers("Ann", "Bob")), who, trained) == is_one

    @pytest.mark.parametrize(
        ("end", "state"),
        [("promotion", "promoted"), ("rejection", "rejected"), ("expiry", "expired"), ("void", "void")],
    )
    def test_it_ends_once(self, end, state):
        request = self.filed(ReviewPolicy(), ("approval", "Bob"), (end, "Bob"), ("rejection", "Cy"))
        assert (request.state, request.closed.kind) == (state, end)

    def test_a_new_request_starts_anew(self):
        facts = {"policy": ReviewPolicy().model_dump_json()}
        first = chain(Entry(kind="request", version="1", facts=facts))
        about = {"request": first[0].hash}
        records = (*first, link(first, MODEL, Entry(kind="approval", version="1", by="Bob", facts=about), "2", "b"))
        assert request_for(records, "1").state == "approved"
        records = (*records, link(records, MODEL, Entry(kind="request", version="1", facts=facts), "3", "c"))
        assert request_for(records, "1").state == "pending"
        assert request_for(records, "2") is None

"""Any change of the chain is detected."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.audit.chain import Head, LedgerError, RecordBody, next_record, read_chain, record_name

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

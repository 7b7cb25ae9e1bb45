"""The gate on a real registry: evaluations are counted once per case, the report is stored, facts are conditions."""

import hashlib
import json
import re
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evenhand.errors import GateError
from evenhand.gate.evaluation_count import row_keys
from evenhand.problem import Blocks, GatePolicy
from tasks.gate.count_evaluations import EvaluationCount
from tasks.gate.run_gate import run_gate
from tasks.registry.verdicts import recorded_verdict
from tasks.review.decide import ReviewAnswer, decide_review
from tasks.review.pending_reviews import pending_review
from tasks.settings import settings
from tasks.storage.store import write_frame
from tests.edges.tiny_registry import (
    MODEL,
    PROBLEM,
    WITHOUT_REVIEW,
    log,
    promote_alias,
    registry,
    rows,
    stored_keys,
)
from tests.edges.trust.attacks import append_forged

__all__ = ["registry"]


def with_gate(**changes):
    gate = GatePolicy.model_validate({**PROBLEM.gate.model_dump(), **changes})
    return PROBLEM.model_copy(update={"gate": gate})


def read_report(registry, version):
    return Path(registry.client.download_artifacts(version.run_id, "gate_report.html")).read_text()


class TestEvaluations:
    def test_each_case_on_the_same_rows_is_counted_once(self, registry):
        registry.champion("faint")
        numbers = []
        for columns in (("clear",), ("faint", "clear"), ("faint",)):
            made = registry.version(*columns)
            numbers += [registry.evaluate(made)[0].evaluation for _ in range(2)]
        assert numbers == [1, 1, 2, 2, 3, 3]

    def test_each_evaluation_is_stricter_and_after_the_last_nothing_is_decided(self, registry):
        problem = with_gate(evaluations=2)
        registry.champion("faint")
        verdicts = [registry.evaluate(registry.version("clear"), problem)[0] for _ in range(3)]
        assert [v.outcome for v in verdicts] == ["promote", "promote", "insufficient evidence"]
        assert [v.evaluations_left for v in verdicts] == [1, 0, 0]
        assert verdicts[1].low < verdicts[0].low < verdicts[0].estimate == verdicts[1].estimate
        assert "used for 2 evaluations" in verdicts[2].reasons[0]
        assert (verdicts[2].estimate, verdicts[2].evaluation) == (None, 0)

    def test_another_policy_or_champion_is_another_evaluation(self, registry):
        made = registry.version("clear")
        assert registry.evaluate(made)[0].evaluation == 1
        assert registry.evaluate(made, with_gate(margin=0.0))[0].evaluation == 2
        registry.champion("faint")
        assert registry.evaluate(made)[0].evaluation == 3
        assert registry.evaluate(made)[0].evaluation == 3

    def test_deleting_a_version_gives_no_evaluation_back(self, registry):
        registry.evaluate(made := registry.version("faint"))
        registry.client.delete_model_version(MODEL, made.version)
        assert registry.evaluate(registry.version("clear"))[0].evaluation == 2

    def test_other_rows_have_a_count_of_their_own(self, registry):
        for year in (2021, 2022):
            registry.holdout = write_frame(rows(2).assign(year=year), "splits/{sha256}/holdout.parquet")
            assert registry.evaluate(registry.version("clear"))[0].evaluation == 1

    def test_an_extra_column_or_another_order_are_the_same_rows(self, registry):
        registry.evaluate(registry.version("clear"))
        frame = rows(2).sample(frac=1, random_state=0, ignore_index=True).assign(more=1.0)
        registry.holdout = write_frame(frame, "splits/{sha256}/holdout.parquet")
        assert registry.evaluate(registry.version("clear"))[0].evaluation == 2

    def test_a_version_that_could_not_be_scored_is_not_counted(self, registry):
        broken = registry.version(logged=log(["older"], renamed={"faint": "older"}))
        assert registry.evaluate(broken)[0].outcome == "reject"
        assert registry.evaluate(registry.version("clear"))[0].evaluation == 1

    def test_one_row_fewer_is_no_new_start(self, registry):
        registry.evaluate(registry.version("clear"))
        registry.holdout = write_frame(rows(2).iloc[1:].reset_index(drop=True), "splits/{sha256}/holdout.parquet")
        assert registry.evaluate(registry.version("clear"))[0].evaluation == 2

    def test_a_lost_list_of_rows_counts_as_the_same_rows(self, registry):
        registry.evaluate(registry.version("clear"))
        for path in stored_keys(registry):
            path.unlink()
        registry.holdout = write_frame(rows(3, counts=(2510, 900, 750)), "splits/{sha256}/holdout.parquet")
        assert registry.evaluate(registry.version("clear"))[0].evaluation == 2

    def test_an_evaluation_is_stored_before_it_is_used(self, registry):
        made, keys = registry.version("clear"), row_keys(rows(2)["kind"], rows(2)["kind"])

        def count(case):
            return EvaluationCount(MODEL, keys, case * 64, made.version)

        assert count("a").next_number() == 1
        assert [count(case).record() for case in "aba"] == [1, 2, 1]
        assert count("c").next_number() == 3

    def test_a_number_written_by_hand_is_not_read(self, registry):
        registry.evaluate(registry.version("clear"))
        made, keys = registry.version("faint"), row_keys(rows(2)["kind"], rows(2)["kind"])
        count = EvaluationCount(MODEL, keys, "a" * 64, made.version)
        count.record()
        facts = registry.records("evaluation")[-1].facts
        append_forged(registry, "evaluation", made.version, **{**facts, "case": "b" * 64, "number": "1"})
        assert EvaluationCount(MODEL, keys, "b" * 64, made.version).record() == 3

    def test_deleting_tags_gives_no_evaluation_back(self, registry):
        registry.evaluate(registry.version("clear"))
        for tag in registry.client.get_registered_model(MODEL).tags:
            registry.client.delete_registered_model_tag(MODEL, tag)
        assert registry.evaluate(registry.version("faint"))[0].evaluation == 2


class TestPromise:
    def crowned(self, registry):
        """A champion that the gate has given a verdict, on rows of its own."""
        made = registry.version("clear")
        assert registry.evaluate(made, WITHOUT_REVIEW)[0].outcome == "promote (first)"
        assert registry.aliases() == {"champion": made.version}

    def rotated(self):
        frame = rows(3)
        names = sorted(frame["kind"].unique())
        frame["kind"] = frame["kind"].map(dict(zip(names, [*names[1:], names[0]], strict=True)))
        return write_frame(frame, "splits/{sha256}/holdout.parquet")

    def test_rows_on_which_the_champion_breaks_its_promise_decide_nothing(self, registry):
        self.crowned(registry)
        registry.holdout = self.rotated()
        verdict = registry.evaluate(registry.version("faint"))[0]
        assert not verdict.passes
        (condition,) = (c for c in verdict.conditions if c.kind == "promise")
        assert (condition.status, condition.high < -0.3) == ("undecided", True)

    def test_a_champion_that_keeps_it_is_compared_and_the_page_names_the_source(self, registry):
        self.crowned(registry)
        registry.holdout = write_frame(rows(3), "splits/{sha256}/holdout.parquet")
        made = registry.version("faint", "clear")
        verdict = registry.evaluate(made)[0]
        assert [c.status for c in verdict.conditions if c.kind == "promise"] == ["pass"]
        assert verdict.source == "csv tiny.csv"
        assert "csv tiny.csv" in read_report(registry, made)

    def test_an_edited_verdict_is_no_way_round_it(self, registry):
        self.crowned(registry)
        with sqlite3.connect(settings().home / "mlflow.db") as database:
            wide = (
                "update params set value = replace(value, '\"effect\":1.0', '\"effect\":99.0') where key like 'text.%'"
            )
            assert database.execute(wide).rowcount
        verdict = registry.evaluate(registry.version("faint", "clear"))[0]
        assert not verdict.passes
        assert "not as it was recorded" in next(c for c in verdict.conditions if c.kind == "promise").detail

    def test_a_reviewer_may_acknowledge_it_by_name(self, registry):
        self.crowned(registry)
        broken = rows(3, counts=(5000, 3000, 1500))
        broken["clear"] = broken["clear"].sample(frac=1, random_state=0).to_numpy()  # a column that says nothing now
        registry.holdout = write_frame(broken, "splits/{sha256}/holdout.parquet")
        made = registry.version("faint")
        verdict, status = registry.evaluate(made, with_gate(tolerance=0.5))
        assert "waits for a review" in status, verdict.reasons
        names = pending_review(MODEL, made.version).to_acknowledge
        assert names == ("the champion keeps its promise",)
        with pytest.raises(GateError, match='add --acknowledge "the champion keeps its promise"'):
            decide_review(MODEL, made.version, ReviewAnswer("approve", "A. Person"))
        answer = ReviewAnswer("approve", "A. Person", acknowledged=names)
        assert decide_review(MODEL, made.version, answer).state == "approved"
        assert registry.records("approval")[-1].facts["acknowledged"] == json.dumps(names)
        assert registry.aliases()["champion"] == made.version


class TestReport:
    def test_it_is_an_artifact_of_the_run_and_linked_from_the_version(self, registry):
        registry.champion("faint")
        made = registry.version("faint", "clear")
        verdict, _ = registry.evaluate(made)
        page, tags = read_report(registry, made), registry.tags(made)
        assert tags["gate_report_sha256"] == hashlib.sha256(page.encode()).hexdigest()
        assert tags["gate_report"] == f"runs:/{made.run_id}/gate_report.html"
        description = registry.client.get_model_version(made.name, made.version).description
        assert f"/runs/{made.run_id}/artifacts/gate_report.html" in description
        assert verdict.reasons[0] in description
        assert re.search(r"<h1><span>promote</span>", page)

    def test_it_lists_the_changes_since_the_champion(self, registry):
        first = registry.version("faint")
        registry.evaluate(first, with_gate(margin=0.02))
        promote_alias(MODEL, first.version)
        made = registry.version("clear", winner="lightgbm / none")
        registry.evaluate(made)
        page = read_report(registry, made)
        assert re.search(r'<th scope="row">winner</th><td>not set</td><td>lightgbm / none</td>', page)
        assert re.search(r'<th scope="row">problem\.gate\.margin</th><td>0\.02</td><td>0\.005</td>', page)
        assert "other settings are the same" in page

    def test_an_error_has_one_too(self, registry):
        made = registry.version("clear")
        gone = registry.holdout.model_copy(update={"key": "gone"})
        assert run_gate.fn(PROBLEM, gone, made).outcome == "error"
        assert "<h1><span>error</span>" in read_report(registry, made)

    def test_the_same_case_does_not_rewrite_it(self, registry):
        made = registry.version("clear")
        registry.evaluate(made)
        before = registry.tags(made)
        registry.evaluate(made)
        assert registry.tags(made) == before


class TestFacts:
    def test_a_challenger_that_needs_a_missing_column_is_rejected_with_its_name(self, registry):
        registry.champion("clear")
        verdict, _ = registry.evaluate(registry.version(logged=log(["older"], renamed={"faint": "older"})))
        assert verdict.outcome == "reject"
        assert "needs older, which the data does not have" in verdict.reasons[0]

    @pytest.mark.parametrize(("fact", "bad"), [("validation", "failed"), ("leak_sentinel", "found")])
    def test_facts_of_the_training_are_conditions(self, registry, fact, bad):
        registry.champion("faint")
        assert registry.evaluate(registry.version("clear", **{fact: bad}))[0].outcome == "reject"
        assert registry.evaluate(registry.version("clear"))[0].outcome == "promote"

    @pytest.mark.parametrize(
        ("fact", "reason"),
        [
            ("leak_sentinel", "leak sentinel: its training was not checked for leaks"),
            ("validation", "not recorded whether they were"),
        ],
    )
    def test_a_version_without_the_fact_does_not_pass(self, registry, fact, reason):
        verdict, _ = registry.evaluate(registry.version("clear", **{fact: None}))
        assert verdict.outcome == "insufficient evidence"
        assert reason in " ".join(verdict.reasons)

    def test_size_and_speed_are_measured(self, registry):
        made = registry.version("clear")
        generous = registry.evaluate(made, with_gate(max_model_mb=100, min_rows_per_second=1))[0]
        assert {c.kind: c.status for c in generous.conditions if c.kind in ("size", "speed")} == {
            "size": "pass",
            "speed": "pass",
        }
        assert registry.evaluate(made, with_gate(max_model_mb=1e-6))[0].outcome == "reject"
        assert registry.evaluate(made, with_gate(min_rows_per_second=1e12))[0].outcome == "reject"

    def test_the_age_of_the_training_rows_is_read_from_their_file(self, registry):
        frame = rows(1).assign(when=pd.Timestamp("2020-06-01", tz="UTC"))
        train = write_frame(frame, "splits/{sha256}/train.parquet")
        rule = {"column": "when", "as_of": "2021-06-01", "max_age_days": 400}

        def evaluated(made, **changes):
            gate = GatePolicy.model_validate({"resamples": 200, "training_age": {**rule, **changes}})
            return registry.evaluate(made, PROBLEM.model_copy(update={"gate": gate}))[0]

        assert evaluated(registry.version("clear")).outcome == "insufficient evidence"
        assert evaluated(registry.version("clear", train_sha256=train.sha256)).passes
        assert evaluated(registry.version("clear", train_sha256=train.sha256), max_age_days=300).outcome == "reject"

    @pytest.mark.parametrize(("before", "left_out"), [("2020", 0), ("2021.5", 475), (None, 0)])
    def test_rows_that_the_champion_was_trained_on_are_left_out(self, registry, before, left_out):
        frame = rows(2).assign(year=2021.0 + np.arange(950) % 2)
        registry.holdout = write_frame(frame, "splits/{sha256}/holdout.parquet")
        registry.champion("faint", trained_before=before)
        verdict = registry.evaluate(registry.version("clear"))[0]
        (condition,) = (c for c in verdict.conditions if c.kind == "rows")
        assert (verdict.outcome, verdict.rows, condition.status) == ("promote", 950 - left_out, "pass")
        assert (verdict.rows_sha256 == registry.holdout.sha256) == (left_out == 0)
        expected = f"{left_out} of 950 held-out rows are left out" if before else "not recorded of the champion"
        assert expected in condition.detail

    def test_where_the_champion_was_trained_on_all_of_them_there_is_nothing_to_decide_by(self, registry):
        frame = rows(2).assign(year=2021.0)
        registry.holdout = write_frame(frame, "splits/{sha256}/holdout.parquet")
        registry.champion("faint", trained_before="2022")
        verdict = registry.evaluate(registry.version("clear"))[0]
        assert (verdict.outcome, verdict.evaluation) == ("insufficient evidence", 0)
        assert "trained on rows before 2022: 950 of 950 held-out rows are left out" in verdict.reasons[0]

    def test_declared_blocks_are_drawn(self, registry):
        frame = rows(2).assign(day=np.arange(950) % 60)
        registry.holdout = write_frame(frame, "splits/{sha256}/holdout.parquet")
        registry.champion("faint")
        split = PROBLEM.split.model_copy(update={"blocks": Blocks(column="day")})
        made = registry.version("clear")
        verdict = registry.evaluate(made, PROBLEM.model_copy(update={"split": split}))[0]
        assert (verdict.outcome, verdict.drawn) == ("promote", "60 values of day")
        single = registry.evaluate(made)[0]
        assert (single.drawn, single.evaluation) == ("single rows, class by class", 2)  # another case
        registry.evaluate(made, PROBLEM.model_copy(update={"split": split}))
        assert "60 values of day, both models on the same draws" in read_report(registry, made)

    def test_declared_groups_are_compared(self, registry):
        frame = rows(2).assign(sex=np.where(np.arange(950) % 2, "F", "M"))
        registry.holdout = write_frame(frame, "splits/{sha256}/holdout.parquet")
        problem = with_gate(slices=("sex",), min_slice_rows=200)
        registry.champion("faint")
        verdict = registry.evaluate(registry.version("clear"), problem)[0]
        assert [c.subject for c in verdict.conditions if c.kind == "slices"] == ["sex", "sex"]
        missing = registry.evaluate(registry.version("clear"), with_gate(slices=("race",)))[0]
        assert missing.outcome == "error"
        assert "lack the columns race" in missing.reasons[0]


def test_the_stored_verdict_reads_back(registry):
    made = registry.version("clear")
    verdict, _ = registry.evaluate(made)
    assert recorded_verdict(registry.client, MODEL, registry.records("verdict")[-1]) == verdict
    assert verdict.evaluation == 1
    assert verdict.evaluations_left == PROBLEM.gate.evaluations - 1

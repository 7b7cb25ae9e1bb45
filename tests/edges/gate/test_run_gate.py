"""The gate on a real registry: evaluations are counted once per case, the report is stored, facts are conditions."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evenhand.gate.verdict import Verdict
from evenhand.problem import Blocks, GatePolicy
from tasks.gate.count_evaluations import count_evaluation, labels_sha256, next_evaluation
from tasks.gate.run_gate import run_gate
from tasks.storage.store import write_frame
from tests.edges.tiny_registry import MODEL, PROBLEM, log, promote_alias, registry, rows

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
        registry.evaluate(registry.version("clear"))
        registry.holdout = write_frame(rows(3, counts=(510, 300, 150)), "splits/{sha256}/holdout.parquet")
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

    def test_evaluations_that_an_earlier_version_counted_still_count(self, registry):
        made = registry.version("clear")
        assert registry.evaluate(made)[0].evaluation == 1
        model = registry.client.get_registered_model(MODEL)
        (tag,) = (key for key in model.tags if key.startswith("evaluation."))
        registry.client.delete_registered_model_tag(MODEL, tag)
        registry.client.set_registered_model_tag(MODEL, tag.replace("evaluation.", "look."), model.tags[tag])
        assert registry.evaluate(made)[0].evaluation == 1
        assert registry.evaluate(registry.version("faint"))[0].evaluation == 2

    def test_an_evaluation_is_stored_before_it_is_used(self, registry):
        made = registry.version("clear")
        labels = labels_sha256(rows(2), PROBLEM)
        assert next_evaluation(registry.client, made.name, labels, "a" * 64) == 1
        assert count_evaluation(registry.client, made.name, labels, "a" * 64) == 1
        assert count_evaluation(registry.client, made.name, labels, "b" * 64) == 2
        assert count_evaluation(registry.client, made.name, labels, "a" * 64) == 1
        assert next_evaluation(registry.client, made.name, labels, "c" * 64) == 3

    def test_a_case_killed_while_it_was_counted_is_counted_again(self, registry):
        made = registry.version("clear")
        labels = labels_sha256(rows(2), PROBLEM)
        registry.client.set_registered_model_tag(made.name, f"evaluation.{labels[:16]}.{'a' * 16}", "? 2026-01-01")
        assert next_evaluation(registry.client, made.name, labels, "a" * 64) == 1
        assert count_evaluation(registry.client, made.name, labels, "b" * 64) == 2
        assert count_evaluation(registry.client, made.name, labels, "a" * 64) == 2


class TestPromise:
    def crowned(self, registry):
        """A champion that the gate has given a verdict, on rows of its own."""
        made = registry.version("clear")
        assert registry.evaluate(made)[0].outcome == "promote (first)"
        return promote_alias(made.name, made.version, "A. Person", "first champion")

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

    @pytest.mark.parametrize("change", ["delete", "edit"])
    def test_a_verdict_that_was_deleted_or_edited_is_no_way_round_it(self, registry, change):
        champion = self.crowned(registry)
        text = registry.tags(champion)["verdict_json"]
        if change == "delete":
            registry.client.delete_model_version_tag(MODEL, champion.version, "verdict_json")
        else:
            wide = text.replace('"effect":1.0', '"effect":99.0')
            assert wide != text
            registry.client.set_model_version_tag(MODEL, champion.version, "verdict_json", wide)
        verdict = registry.evaluate(registry.version("faint", "clear"))[0]
        assert not verdict.passes
        assert "not as it was recorded" in next(c for c in verdict.conditions if c.kind == "promise").detail


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
        made = registry.version("clear")
        registry.client.set_model_version_tag(MODEL, made.version, "winner", "lightgbm / none")
        registry.client.set_registered_model_alias(MODEL, "champion", first.version)
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

    @pytest.mark.parametrize(("tag", "bad"), [("validation", "failed"), ("leak_sentinel", "found")])
    def test_tags_of_the_version_are_conditions(self, registry, tag, bad):
        registry.champion("faint")
        made = registry.version("clear")
        good = {"validation": "passed", "leak_sentinel": "clean"}[tag]
        for value, outcome in ((bad, "reject"), (good, "promote")):
            registry.client.set_model_version_tag(MODEL, made.version, tag, value)
            assert registry.evaluate(made)[0].outcome == outcome

    @pytest.mark.parametrize(
        ("tag", "reason"),
        [
            ("leak_sentinel", "leak sentinel: its training was not checked for leaks"),
            ("validation", "no tag says whether they were"),
        ],
    )
    def test_a_version_without_the_tag_does_not_pass(self, registry, tag, reason):
        made = registry.version("clear")
        registry.client.delete_model_version_tag(MODEL, made.version, tag)
        verdict, _ = registry.evaluate(made)
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
        made = registry.version("clear")
        rule = {"column": "when", "as_of": "2021-06-01", "max_age_days": 400}
        gate = GatePolicy.model_validate({"resamples": 200, "training_age": rule})
        unknown = registry.evaluate(made, PROBLEM.model_copy(update={"gate": gate}))[0]
        assert unknown.outcome == "insufficient evidence"
        registry.client.set_model_version_tag(MODEL, made.version, "train_sha256", train.sha256)
        made = registry.version("clear")
        registry.client.set_model_version_tag(MODEL, made.version, "train_sha256", train.sha256)
        assert registry.evaluate(made, PROBLEM.model_copy(update={"gate": gate}))[0].passes
        strict = GatePolicy.model_validate({"resamples": 200, "training_age": {**rule, "max_age_days": 300}})
        assert registry.evaluate(made, PROBLEM.model_copy(update={"gate": strict}))[0].outcome == "reject"

    @pytest.mark.parametrize(("before", "left_out"), [("2020", 0), ("2021.5", 475), (None, 0)])
    def test_rows_that_the_champion_was_trained_on_are_left_out(self, registry, before, left_out):
        frame = rows(2).assign(year=2021.0 + np.arange(950) % 2)
        registry.holdout = write_frame(frame, "splits/{sha256}/holdout.parquet")
        champion = registry.champion("faint")
        if before:
            registry.client.set_model_version_tag(MODEL, champion.version, "trained_before", before)
        verdict = registry.evaluate(registry.version("clear"))[0]
        (condition,) = (c for c in verdict.conditions if c.kind == "rows")
        assert (verdict.outcome, verdict.rows, condition.status) == ("promote", 950 - left_out, "pass")
        assert (verdict.rows_sha256 == registry.holdout.sha256) == (left_out == 0)
        expected = f"{left_out} of 950 held-out rows are left out" if before else "not recorded of the champion"
        assert expected in condition.detail

    def test_where_the_champion_was_trained_on_all_of_them_there_is_nothing_to_decide_by(self, registry):
        frame = rows(2).assign(year=2021.0)
        registry.holdout = write_frame(frame, "splits/{sha256}/holdout.parquet")
        champion = registry.champion("faint")
        registry.client.set_model_version_tag(MODEL, champion.version, "trained_before", "2022")
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
    assert Verdict.model_validate_json(registry.tags(made)["verdict_json"]) == verdict
    assert verdict.evaluation == 1
    assert verdict.evaluations_left == PROBLEM.gate.evaluations - 1

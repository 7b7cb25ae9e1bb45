"""The gate on a real registry: evaluations are counted once per case, the report is kept, facts are conditions."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evenhand.gate.verdict import Verdict
from evenhand.problem import GatePolicy
from tasks.gate.count_evaluations import count_evaluation, labels_sha256, next_evaluation
from tasks.gate.run import run_gate
from tasks.storage.store import write_frame
from tests.edges.registry_world import MODEL, PROBLEM, log, rows, world

__all__ = ["world"]


def with_gate(**changes):
    gate = GatePolicy.model_validate({**PROBLEM.gate.model_dump(), **changes})
    return PROBLEM.model_copy(update={"gate": gate})


def page_of(world, version):
    return Path(world.client.download_artifacts(version.run_id, "gate_report.html")).read_text()


class TestEvaluations:
    def test_each_case_on_the_same_rows_is_counted_once(self, world):
        world.champion("faint")
        numbers = []
        for columns in (("clear",), ("faint", "clear"), ("faint",)):
            made = world.version(*columns)
            numbers += [world.judge(made)[0].evaluation for _ in range(2)]
        assert numbers == [1, 1, 2, 2, 3, 3]

    def test_each_evaluation_is_stricter_and_after_the_last_nothing_is_decided(self, world):
        problem = with_gate(evaluations=2)
        world.champion("faint")
        verdicts = [world.judge(world.version("clear"), problem)[0] for _ in range(3)]
        assert [v.outcome for v in verdicts] == ["promote", "promote", "insufficient evidence"]
        assert [v.evaluations_left for v in verdicts] == [1, 0, 0]
        assert verdicts[1].low < verdicts[0].low < verdicts[0].estimate == verdicts[1].estimate
        assert "used for 2 evaluations" in verdicts[2].reasons[0]
        assert (verdicts[2].estimate, verdicts[2].evaluation) == (None, 0)

    def test_another_policy_or_champion_is_another_evaluation_of_the_same_version(self, world):
        made = world.version("clear")
        assert world.judge(made)[0].evaluation == 1
        assert world.judge(made, with_gate(margin=0.0))[0].evaluation == 2
        world.champion("faint")
        assert world.judge(made)[0].evaluation == 3
        assert world.judge(made)[0].evaluation == 3

    def test_a_deleted_version_does_not_reset_the_count(self, world):
        world.judge(made := world.version("faint"))
        world.client.delete_model_version(MODEL, made.version)
        assert world.judge(world.version("clear"))[0].evaluation == 2

    def test_other_rows_are_counted_from_one(self, world):
        world.judge(world.version("clear"))
        world.holdout = write_frame(rows(3, counts=(510, 300, 150)), "splits/{sha256}/holdout.parquet")
        assert world.judge(world.version("clear"))[0].evaluation == 1

    def test_a_further_column_or_another_order_of_the_rows_is_not(self, world):
        world.judge(world.version("clear"))
        frame = rows(2).sample(frac=1, random_state=0, ignore_index=True).assign(more=1.0)
        world.holdout = write_frame(frame, "splits/{sha256}/holdout.parquet")
        assert world.judge(world.version("clear"))[0].evaluation == 2

    def test_a_challenger_that_cannot_be_scored_is_not_counted(self, world):
        broken = world.version(logged=log(["older"], renamed={"faint": "older"}))
        assert world.judge(broken)[0].outcome == "reject"
        assert world.judge(world.version("clear"))[0].evaluation == 1

    def test_counting_is_stored_before_it_is_used(self, world):
        made = world.version("clear")
        labels = labels_sha256(rows(2), PROBLEM)
        assert next_evaluation(world.client, made.name, labels, "a" * 64) == 1
        assert count_evaluation(world.client, made.name, labels, "a" * 64) == 1
        assert count_evaluation(world.client, made.name, labels, "b" * 64) == 2
        assert count_evaluation(world.client, made.name, labels, "a" * 64) == 1
        assert next_evaluation(world.client, made.name, labels, "c" * 64) == 3

    def test_a_case_killed_while_it_was_counted_gets_a_number_again(self, world):
        made = world.version("clear")
        labels = labels_sha256(rows(2), PROBLEM)
        world.client.set_registered_model_tag(made.name, f"evaluation.{labels[:16]}.{'a' * 16}", "? 2026-01-01")
        assert next_evaluation(world.client, made.name, labels, "a" * 64) == 1
        assert count_evaluation(world.client, made.name, labels, "b" * 64) == 2
        assert count_evaluation(world.client, made.name, labels, "a" * 64) == 2


class TestReport:
    def test_it_is_on_the_run_and_the_version_leads_to_it(self, world):
        world.champion("faint")
        made = world.version("faint", "clear")
        verdict, _ = world.judge(made)
        page, tags = page_of(world, made), world.tags(made)
        assert tags["gate_report_sha256"] == hashlib.sha256(page.encode()).hexdigest()
        assert tags["gate_report"] == f"runs:/{made.run_id}/gate_report.html"
        description = world.client.get_model_version(made.name, made.version).description
        assert f"/runs/{made.run_id}/artifacts/gate_report.html" in description
        assert verdict.reasons[0] in description
        assert re.search(r"<h1><span>promote</span>", page)

    def test_it_says_what_changed_since_the_champion(self, world):
        first = world.version("faint")
        world.judge(first, with_gate(margin=0.02))
        made = world.version("clear")
        world.client.set_model_version_tag(MODEL, made.version, "winner", "lightgbm / none")
        world.client.set_registered_model_alias(MODEL, "champion", first.version)
        world.judge(made)
        page = page_of(world, made)
        assert re.search(r"<td>winner</td><td>not set</td><td>lightgbm / none</td>", page)
        assert re.search(r"<td>problem\.gate\.margin</td><td>0\.02</td><td>0\.005</td>", page)
        assert "other settings are the same" in page

    def test_an_error_has_one_too(self, world):
        made = world.version("clear")
        gone = world.holdout.model_copy(update={"key": "gone"})
        assert run_gate.fn(PROBLEM, gone, made).outcome == "error"
        assert "<h1><span>error</span>" in page_of(world, made)

    def test_deciding_again_does_not_rewrite_it(self, world):
        made = world.version("clear")
        world.judge(made)
        before = world.tags(made)
        world.judge(made)
        assert world.tags(made) == before


class TestFacts:
    def test_a_challenger_that_needs_a_column_the_data_lacks_is_rejected_by_name(self, world):
        world.champion("clear")
        verdict, _ = world.judge(world.version(logged=log(["older"], renamed={"faint": "older"})))
        assert verdict.outcome == "reject"
        assert "needs older, which the data does not have" in verdict.reasons[0]

    @pytest.mark.parametrize(("tag", "bad"), [("validation", "failed"), ("leak_sentinel", "found")])
    def test_a_tag_of_the_version_is_a_condition(self, world, tag, bad):
        world.champion("faint")
        made = world.version("clear")
        good = {"validation": "passed", "leak_sentinel": "clean"}[tag]
        for value, outcome in ((bad, "reject"), (good, "promote")):
            world.client.set_model_version_tag(MODEL, made.version, tag, value)
            assert world.judge(made)[0].outcome == outcome

    @pytest.mark.parametrize(
        ("tag", "message"),
        [
            ("leak_sentinel", "leak sentinel: its training was not checked for leaks"),
            ("validation", "no tag says whether they were"),
        ],
    )
    def test_a_version_without_the_tag_is_never_passed(self, world, tag, message):
        made = world.version("clear")
        world.client.delete_model_version_tag(MODEL, made.version, tag)
        verdict, _ = world.judge(made)
        assert verdict.outcome == "insufficient evidence"
        assert message in " ".join(verdict.reasons)

    def test_size_and_speed_are_measured(self, world):
        made = world.version("clear")
        generous = world.judge(made, with_gate(max_model_mb=100, min_rows_per_second=1))[0]
        assert {c.kind: c.status for c in generous.conditions if c.kind in ("size", "speed")} == {
            "size": "pass",
            "speed": "pass",
        }
        assert world.judge(made, with_gate(max_model_mb=1e-6))[0].outcome == "reject"
        assert world.judge(made, with_gate(min_rows_per_second=1e12))[0].outcome == "reject"

    def test_the_age_of_the_training_rows_is_read_from_them(self, world):
        frame = rows(1).assign(when=pd.Timestamp("2020-06-01", tz="UTC"))
        train = write_frame(frame, "splits/{sha256}/train.parquet")
        made = world.version("clear")
        rule = {"column": "when", "as_of": "2021-06-01", "max_age_days": 400}
        gate = GatePolicy.model_validate({"resamples": 200, "training_age": rule})
        unknown = world.judge(made, PROBLEM.model_copy(update={"gate": gate}))[0]
        assert unknown.outcome == "insufficient evidence"
        world.client.set_model_version_tag(MODEL, made.version, "train_sha256", train.sha256)
        made = world.version("clear")
        world.client.set_model_version_tag(MODEL, made.version, "train_sha256", train.sha256)
        assert world.judge(made, PROBLEM.model_copy(update={"gate": gate}))[0].passes
        strict = GatePolicy.model_validate({"resamples": 200, "training_age": {**rule, "max_age_days": 300}})
        assert world.judge(made, PROBLEM.model_copy(update={"gate": strict}))[0].outcome == "reject"

    def test_declared_groups_are_compared(self, world):
        frame = rows(2).assign(sex=np.where(np.arange(950) % 2, "F", "M"))
        world.holdout = write_frame(frame, "splits/{sha256}/holdout.parquet")
        problem = with_gate(slices=("sex",), min_slice_rows=200)
        world.champion("faint")
        verdict = world.judge(world.version("clear"), problem)[0]
        assert [c.subject for c in verdict.conditions if c.kind == "slices"] == ["sex", "sex"]
        missing = world.judge(world.version("clear"), with_gate(slices=("race",)))[0]
        assert missing.outcome == "error"
        assert "lack the columns race" in missing.reasons[0]


def test_the_record_reads_back(world):
    made = world.version("clear")
    verdict, _ = world.judge(made)
    assert Verdict.model_validate_json(world.tags(made)["verdict_json"]) == verdict
    assert verdict.evaluation == 1
    assert verdict.evaluations_left == PROBLEM.gate.evaluations - 1

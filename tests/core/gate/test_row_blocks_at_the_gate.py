"""The gate draws blocks of rows that depend on each other, in every interval, and says by what it drew."""

import dataclasses

import numpy as np
import pytest

from evenhand.data.row_blocks import RowBlocks
from evenhand.gate.decide import decide
from evenhand.problem import Floor
from tests.core.gate.test_decide import QUICK, clean, scored, truth

POLICY = QUICK.model_copy(
    update={
        "max_ece": 0.2,
        "max_slice_gap": 0.5,
        "min_slice_rows": 100,
        "floors": {"Robbery": Floor(recall=0.1, average_precision=0.1)},
    }
)


def copies(times, skills=(1.5, 1.2), counts=(600, 300, 150)):
    """A case whose rows are copied, with the copies of a row as its block."""
    labels = truth(counts)
    copied = np.repeat(np.arange(len(labels)), times)

    def model(skill, seed):
        one = scored(labels, skill, seed)
        return dataclasses.replace(one, proba=one.proba[copied], predicted=one.predicted[copied])

    groups = {"sex": np.where(np.arange(len(labels)) % 2, "F", "M")[copied]}
    return clean(labels[copied], model(skills[0], 2), model(skills[1], 1), "macro_f1", groups=groups), copied


def blocks(codes, name="days of when"):
    return RowBlocks(codes, name, True)


def width(found):
    return found.high - found.low


def test_every_interval_of_a_case_is_as_wide_as_its_blocks_require():
    case, codes = copies(5)
    by_row = decide(case, POLICY)
    by_block = decide(dataclasses.replace(case, blocks=blocks(codes)), POLICY)
    assert width(by_block) > 1.9 * width(by_row)
    wide = {c.name: width(c) for c in by_block.conditions if c.estimate is not None}
    narrow = {c.name: width(c) for c in by_row.conditions if c.estimate is not None}
    assert {c.kind for c in by_block.conditions if c.estimate is not None} == {
        "recall", "average precision", "floor", "calibration", "slices",
    }  # fmt: skip
    assert wide.keys() == narrow.keys()
    assert all(wide[name] > 1.5 * narrow[name] for name in wide), {n: wide[n] / narrow[n] for n in wide}


def test_the_first_model_is_compared_with_chance_by_blocks_too():
    case, codes = copies(5)
    first = dataclasses.replace(case, champion=None)
    by_row, by_block = (decide(dataclasses.replace(first, blocks=b), QUICK) for b in (None, blocks(codes)))
    others = [c for c in by_block.conditions if c.kind != "blocks"]
    for one, other in zip(by_row.conditions, others, strict=True):
        assert one.name == other.name
        assert one.low is None or other.low < one.low


def test_the_verdict_says_by_what_it_drew():
    case, codes = copies(2)
    assert decide(case, QUICK).drawn == "single rows, class by class"
    found = decide(dataclasses.replace(case, blocks=blocks(codes)), QUICK)
    assert found.drawn == "1,050 days of when"
    assert "Intervals draw 1,050 days of when." in found.reasons


@pytest.mark.parametrize(("n", "status"), [(19, "undecided"), (20, "pass")])
def test_with_too_few_blocks_nothing_is_promoted(n, status):
    case, codes = copies(1, skills=(4.0, 1.0))
    verdict = decide(dataclasses.replace(case, blocks=blocks(codes % n), groups={}), QUICK)
    assert [c.status for c in verdict.conditions if c.kind == "blocks"] == [status]
    assert verdict.passes == (status == "pass")


def test_a_class_in_too_few_blocks_is_undecided_however_many_rows_it_has():
    case, codes = copies(1, skills=(4.0, 1.0))
    few = np.where(case.truth == "Robbery", codes % 7, codes)
    verdict = decide(dataclasses.replace(case, blocks=blocks(few), groups={}), QUICK)
    undecided = [c for c in verdict.conditions if c.status == "undecided"]
    assert {(c.kind, c.subject) for c in undecided} == {("recall", "Robbery"), ("average precision", "Robbery")}
    assert "7 blocks with held-out rows of the class and 20 are needed" in undecided[0].detail
    assert not verdict.passes


def test_blocks_of_other_rows_are_an_error():
    case, codes = copies(1)
    verdict = decide(dataclasses.replace(case, blocks=blocks(codes[1:])), QUICK)
    assert verdict.outcome == "error"
    assert "not the same rows" in verdict.reasons[0]


def test_the_order_of_rows_changes_no_verdict():
    case, codes = copies(3)
    rows = np.random.default_rng(5).permutation(len(codes))

    def shuffled(model):
        return dataclasses.replace(model, proba=model.proba[rows], predicted=model.predicted[rows])

    whole = dataclasses.replace(case, blocks=blocks(codes))
    again = dataclasses.replace(
        whole,
        truth=case.truth[rows],
        challenger=shuffled(case.challenger),
        champion=shuffled(case.champion),
        groups={"sex": case.groups["sex"][rows]},
        blocks=blocks(codes[rows]),
    )
    assert decide(again, POLICY) == decide(whole, POLICY)

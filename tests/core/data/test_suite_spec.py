"""Which rows are quarantined, and the messages about it, for any rows and any names."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.data.broken_rows import (
    BrokenRows,
    CheckedExpectation,
    any_row,
    later_copies,
    names_by_row,
    rows_to_quarantine,
    without_unfit,
)
from evenhand.data.headers import are_values, describe_missing, respelled
from evenhand.data.suite_spec import NOT_NULL, OF_TYPE, Expectation, raw_classes
from evenhand.problem import Target

few = settings(max_examples=40, deadline=None)
names = st.lists(st.text(max_size=200), min_size=1, max_size=20, unique=True)
masks = st.lists(st.lists(st.booleans(), min_size=6, max_size=6).map(np.array), min_size=1, max_size=4)


@few
@given(found=names, expected=names)
def test_a_wrong_header_is_always_explained_in_one_short_line(found, expected):
    if set(expected) <= set(found):
        return
    text = describe_missing(found, expected)
    assert len(text.splitlines()) == 1
    assert len(text) < 1500
    missing = next(name for name in expected if name not in found)
    assert repr(missing[:40])[1:-1][:20] in text


def test_real_headers_do_not_look_like_values():
    assert not are_values(["Crime ID", "Month", "Longitude", "Latitude", "LSOA code", "Context"])
    assert are_values(["", "2016-07", "West Yorkshire Police", "-1.550626", "53.597400", "E01007359"])


@few
@given(masks=masks)
def test_a_row_is_named_exactly_by_what_it_breaks(masks):
    broken = [BrokenRows(f"rule {i}", (), mask) for i, mask in enumerate(masks)]
    text = names_by_row(broken, 6)
    assert ((text != "") == any_row(broken, 6)).all()
    for row in range(6):
        assert [b.name for b in broken if b.rows[row]] == [name for name in text[row].split("; ") if name]


def _checked(kind: str, rows: list[bool], **options: object) -> CheckedExpectation:
    return CheckedExpectation(Expectation(type=kind, kwargs={"column": "Lat"}, **options), False, np.array(rows))


def test_a_cell_that_would_not_parse_is_not_also_missing():
    unfit = {"Lat": np.array([True, False, False])}
    broken = rows_to_quarantine(without_unfit([_checked(NOT_NULL, [True, True, False])], unfit), unfit)
    assert {b.name: b.rows.tolist() for b in broken} == {
        f"{OF_TYPE}(Lat)": [True, False, False],
        f"{NOT_NULL}(Lat)": [False, True, False],
    }


def test_tolerated_rows_are_kept_and_one_name_is_counted_once():
    between = "expect_column_values_to_be_between"
    results = [_checked(between, [True, False]), _checked(between, [True, True])]
    results += [_checked(NOT_NULL, [True, False], meta={"rows": "keep"})]
    broken = rows_to_quarantine(results, {})
    assert [(b.name, b.rows.tolist()) for b in broken] == [(f"{between}(Lat)", [True, True])]


@few
@given(cells=st.lists(st.sampled_from(["a", "b", None]), max_size=12))
def test_of_copies_exactly_the_first_is_no_later_copy(cells):
    frame = pd.DataFrame({"x": pd.Series(cells, dtype="str")})
    copies = later_copies(frame)
    assert (~copies).sum() == len(set(cells))
    assert not later_copies(frame[~copies]).any()


@few
@given(values=st.sets(st.sampled_from("abcdefgh")), drop=st.sets(st.sampled_from("abc")))
def test_every_raw_value_is_in_one_class_or_dropped(values, drop):
    target = Target(column="y", groups={"G": ("d", "e")}, other="rest", drop=tuple(drop))
    classes = raw_classes(target, values)
    assert sorted(v for vs in classes.values() for v in vs) == sorted((values - drop) | {"d", "e"})
    assert "rest" in classes


@pytest.mark.parametrize(
    ("found", "expected", "renamed"),
    [
        (["La\u0308nge", "x"], ["L\u00e4nge"], {"La\u0308nge": "L\u00e4nge"}),
        (["L\u00e4nge"], ["La\u0308nge"], {"L\u00e4nge": "La\u0308nge"}),
        (["Primary\r\nType"], ["Primary\nType"], {"Primary\r\nType": "Primary\nType"}),
        (["Primary Type"], ["Primary\nType"], {}),
        (["La\u0308nge", "L\u00e4nge"], ["L\u00e4nge"], {}),
        (["\u1100\u1161"], ["\uac00"], {"\u1100\u1161": "\uac00"}),
        (["a\u0323\u0307", "a\u0307\u0323"], ["\u1ea1\u0307"], {}),
    ],
)
def test_a_header_matches_however_its_letters_are_composed_and_its_lines_broken(found, expected, renamed):
    assert respelled(found, expected) == renamed

"""Broken files end in quarantine or in one clear paragraph; none gets through unnoticed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser

import pandas as pd
import pytest

from evenhand.data.findings import COPIES
from evenhand.data.schema import ColumnType, parse_columns
from evenhand.data.suite_spec import Expectation
from evenhand.errors import EvenhandError, ProblemError, SourceError, ValidationFailed
from evenhand.problem import ParquetSource, SyntheticSource, parse_problem
from evenhand.problem.policies import ValidationPolicy
from tasks.data.ingest import ingest
from tasks.data.problems import load_problem
from tasks.data.suites import Checker
from tasks.data.validate import validate
from tasks.settings import settings
from tasks.storage.store import open_store, read_frame
from tests.edges.broken_files import FILES, ROWS, clean, toronto_suite

IN_SET, BETWEEN = "expect_column_values_to_be_in_set", "expect_column_values_to_be_between"
OF_TYPE, NOT_NULL = "expect_column_values_to_be_of_type", "expect_column_values_to_not_be_null"


@dataclass(frozen=True)
class Good:
    """Every row is good, and is the clean file's row; a warning says what was tolerated."""

    warning: str = ""


@dataclass(frozen=True)
class Aside:
    """Some rows are quarantined, for these reasons."""

    reasons: dict[str, int]
    rows: int


@dataclass(frozen=True)
class Refused:
    """The flow stops, with these words in the message."""

    by: type[EvenhandError]
    words: tuple[str, ...]


def aside(name: str, rows: int) -> Aside:
    return Aside({name: rows}, rows)


def failed(*words: str) -> Refused:
    return Refused(ValidationFailed, words)


def unreadable(*words: str) -> Refused:
    return Refused(SourceError, words)


OUTCOMES: dict[str, Good | Aside | Refused] = {
    "clean": Good(),
    "byte order mark": Good(),
    "gzipped": Good(),
    "line ends of Windows": Good(),
    "columns in another order": Good(),
    "padded cells": Good(),
    "an extra column": Good("'reviewer'"),
    "an extra row number": Good("'Unnamed: 0'"),
    "a few empty months": Good("2 rows break expect_column_values_to_not_be_null(occurrencemonth)"),
    "a few exact copies": aside(COPIES, 30),
    "empty target cells": aside(f"{NOT_NULL}(MCI)", 7),
    "a new target class": aside(f"{IN_SET}(MCI)", 7),
    "a new category": aside(f"{IN_SET}(premises_type)", 7),
    "a category in another case": aside(f"{IN_SET}(premises_type)", 7),
    "text among numbers": aside(f"{OF_TYPE}(Lat)", 7),
    "thousands separators": aside(f"{OF_TYPE}(Pub_Id)", 7),
    "infinite values": aside(f"{OF_TYPE}(Long)", 7),
    "hour 25": aside(f"{BETWEEN}(occurrencehour)", 7),
    "a negative hour": aside(f"{BETWEEN}(occurrencehour)", 7),
    "no place: 0/0": Aside({f"{BETWEEN}(Lat)": 9, f"{BETWEEN}(Long)": 9}, 9),
    "future dates": aside(f"{BETWEEN}(occurrencedate)", 7),
    "a day that is none": aside(f"{OF_TYPE}(occurrencedate)", 7),
    "some dates in another format": aside(f"{OF_TYPE}(occurrencedate)", 7),
    "a line break in a cell": aside(f"{IN_SET}(Neighbourhood)", 1),
    "a cell of 10 MB": aside(f"{IN_SET}(Neighbourhood)", 1),
    "a cell of markup": aside(f"{IN_SET}(Neighbourhood)", 1),
    "two faults in a row": Aside({f"{BETWEEN}(occurrencehour)": 4, f"{IN_SET}(premises_type)": 4}, 4),
    "no header": unreadable("is the header line missing?"),
    "no header, cells all different": failed("no header line", "'Lat'"),
    "header only": unreadable("not one row"),
    "empty": unreadable("empty"),
    "blank": unreadable("empty"),
    "cut in a row": unreadable("cut off", "line"),
    "gzip cut off": unreadable("gzipped", "cut off"),
    "semicolons": unreadable("delimiter", "';'"),
    "tabs": unreadable("delimiter", r"'\t'"),
    "UTF-16": unreadable("utf-16"),
    "Latin-1": unreadable("utf-8", "latin-1"),
    "NUL bytes": unreadable("NUL"),
    "binary": unreadable("0x89"),
    "a spreadsheet": unreadable("spreadsheet"),
    "ragged row": unreadable("line 101", "16 fields", "header has 14"),
    "a column named twice": unreadable("'Lat'", "more than one column"),
    "a missing column": failed("missing column 'Lat'", "no other columns"),
    "a renamed column": failed("missing column 'Lat'", "is it 'Latitude'?"),
    "a column in another case": failed("missing column 'MCI'", "is it 'mci'?"),
    "another data set": failed("missing columns", "'x', 'y'"),
    "latitude and longitude swapped": failed("all 3,000 rows", f"{BETWEEN}(Lat)", f"{BETWEEN}(Long)", "-79."),
    "a number column all text": failed("all 3,000 rows", f"{OF_TYPE}(Lat)", "'somewhere'"),
    "a number column all empty": failed("all 3,000 rows", f"{NOT_NULL}(Lat)", "an empty cell"),
    "a text column all empty": failed("all 3,000 rows", f"{NOT_NULL}(premises_type)"),
    "target all empty": failed("all 3,000 rows", f"{NOT_NULL}(MCI)"),
    "months mostly empty": failed(f"{NOT_NULL}(occurrencemonth) is broken by 1,000 of 3,000 rows", "99.9%"),
    "dates in another format": failed("all 3,000 rows", f"{OF_TYPE}(occurrencedate)"),
    "decimal commas": failed("all 3,000 rows", f"{OF_TYPE}(Lat)"),
    "one class only": failed("(MCI = Robbery): found 0", "(MCI = Theft Over): found 0", "min_value 50"),
    "a class missing": failed("(MCI = Robbery): found 0"),
    "a class with two rows": failed("(MCI = Robbery): found 2", "min_value 50"),
    "a class too small without its bad rows": failed("(MCI = Robbery): found 47", "min_value 50"),
    "half the rows copied": failed(COPIES, "1,500 rows (33.3%)", "at most 5.0%"),
    "a constant coordinate": failed("expect_column_unique_value_count_to_be_between(Lat): found 1"),
    "too few rows": failed("expect_table_row_count_to_be_between: found 400", "min_value 1000"),
}


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The Toronto problem with its suite scaled to a small file; gives the problem for the file's bytes."""
    (tmp_path / "toronto.json").write_text(json.dumps(toronto_suite()))
    monkeypatch.setenv("EVENHAND_EXPECTATIONS", str(tmp_path))
    settings.cache_clear()

    def problem(data: bytes, **changes: object):
        path = tmp_path / "crimes.csv"
        path.write_bytes(data)
        return load_problem("toronto", data=str(path)).model_copy(update=changes)

    return problem


@cache
def _clean_rows() -> pd.DataFrame:
    rows = clean()
    for name in ("occurrencehour", "Lat", "Long", "Pub_Id", "Park_Id", "PS_Id", "occurrenceday", "occurrencedayofyear"):
        rows[name] = rows[name].astype("float64")
    rows["occurrencedate"] = pd.to_datetime(rows["occurrencedate"], utc=True)
    return rows.assign(occurrencedayofweek=rows["occurrencedayofweek"].str.strip())


def run(problem):
    return validate.fn(ingest.fn(problem), problem)


def test_every_broken_file_has_its_outcome():
    assert set(FILES) == set(OUTCOMES)
    assert len(FILES) >= 30


@pytest.mark.parametrize("name", [n for n, outcome in OUTCOMES.items() if isinstance(outcome, Good)])
def test_accepted_with_the_same_good_rows(name, small):
    validated = run(small(FILES[name](clean())))
    good, expected = read_frame(validated.good), _clean_rows()
    if name == "a few empty months":
        expected = expected.assign(occurrencemonth=expected["occurrencemonth"].where(expected.index >= 2))
    pd.testing.assert_frame_equal(good[expected.columns], expected, check_dtype=False)
    assert validated.broken == {}
    assert validated.quarantined is None
    warning = OUTCOMES[name].warning
    assert [w for w in validated.warnings if warning in w] == list(validated.warnings)
    assert len(validated.warnings) == bool(warning)


@pytest.mark.parametrize("name", [n for n, outcome in OUTCOMES.items() if isinstance(outcome, Aside)])
def test_bad_rows_are_put_aside_with_their_reasons(name, small):
    outcome = OUTCOMES[name]
    problem = small(FILES[name](clean()))
    snapshot = ingest.fn(problem)
    validated = validate.fn(snapshot, problem)
    assert validated.broken == outcome.reasons
    quarantine = read_frame(validated.quarantined)
    assert len(quarantine) == outcome.rows
    assert set(quarantine["broken_expectations"]) == {"; ".join(sorted(outcome.reasons))}
    raw = read_frame(snapshot)
    pd.testing.assert_frame_equal(
        quarantine[raw.columns], raw.iloc[quarantine["row"]].reset_index(drop=True), check_dtype=False
    )
    good = read_frame(validated.good)
    assert len(good) == validated.good.rows == len(raw) - outcome.rows
    kept = _clean_rows().drop(index=quarantine["row"], errors="ignore").reset_index(drop=True)
    pd.testing.assert_frame_equal(good[kept.columns], kept, check_dtype=False)


@pytest.mark.parametrize("name", [n for n, outcome in OUTCOMES.items() if isinstance(outcome, Refused)])
def test_refused_in_one_clear_paragraph(name, small):
    outcome = OUTCOMES[name]
    with pytest.raises(EvenhandError) as caught:
        run(small(FILES[name](clean())))
    message = str(caught.value)
    assert caught.type is outcome.by, message
    for word in outcome.words:
        assert word in message
    assert "\n" not in message
    assert len(message) < 1500
    assert not open_store().list("validated/")


def test_a_refused_file_leaves_its_quarantine_and_a_report(small):
    with pytest.raises(ValidationFailed) as caught:
        run(small(FILES["latitude and longitude swapped"](clean())))
    store = open_store()
    keys = {key.rpartition("/")[2]: key for key in store.list("qua") if "data_docs" not in key}
    assert set(keys) == {"quality.html", "rows.parquet"}
    for key in keys.values():
        assert store.uri(key) in str(caught.value)
    assert len(pd.read_parquet(store.local(keys["rows.parquet"]))) == ROWS


class _Text(HTMLParser):
    def __init__(self, page: str):
        super().__init__()
        self.tags, self.links, self.text = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for key, value in attrs if key in ("href", "src")]

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("name", ["a cell of markup", "a cell of 10 MB"])
def test_the_report_is_readable_alone_and_runs_nothing(name, small):
    validated = run(small(FILES[name](clean())))
    store = open_store()
    page = _Text(store.local(f"{validated.data_docs}/quality.html").read_text(encoding="utf-8"))
    assert "script" not in page.tags
    assert len(page.links) == 2  # the runs on the rows and on the table
    for link in page.links:
        assert store.exists(f"{validated.data_docs}/{link}")
    assert f"{IN_SET}(Neighbourhood)" in page.text
    assert "2,999 good, 1 quarantined" in " ".join(page.text.split())
    assert len(page.text) < 30_000
    docs = store.list(f"{validated.data_docs}/data_docs/")
    assert f"{validated.data_docs}/data_docs/index.html" in docs
    runs = [key for key in docs if "/validations/" in key]
    assert len(runs) == 2
    for key in runs:
        html = store.local(key).read_text()
        assert len(html) < 1_000_000
        assert "<script>alert" not in html


def test_the_same_rows_give_the_same_references(small):
    problem = small(FILES["hour 25"](clean()))
    first, again = run(problem), run(problem)
    assert first == again
    assert len([key for key in open_store().list(first.data_docs) if "/validations/" in key]) == 2
    looser = problem.model_copy(update={"validation": problem.validation.model_copy(update={"max_quarantined": 0.5})})
    assert run(looser).good.key != first.good.key


def test_quarantine_past_the_limit_stops(small):
    data = FILES["hour 25"](clean())  # 7 of 3,000 rows
    policy = small(data).validation
    assert run(small(data, validation=policy.model_copy(update={"max_quarantined": 7 / 3000}))).broken
    with pytest.raises(
        ValidationFailed, match=r"7 of 3,000 rows .* at most 0\.2% may; .*\(occurrencehour\): 7 \('25'\)"
    ):
        run(small(data, validation=policy.model_copy(update={"max_quarantined": 6 / 3000})))


def test_copies_are_kept_where_the_problem_says_so(small):
    validated = run(small(FILES["a few exact copies"](clean()), duplicates="keep"))
    assert (validated.good.rows, validated.dropped_duplicates, validated.quarantined) == (ROWS + 30, 0, None)
    assert any("30 rows repeat an earlier one and are kept" in warning for warning in validated.warnings)
    with pytest.raises(ValidationFailed, match="exact copies"):
        run(small(FILES["half the rows copied"](clean()), duplicates="keep"))


def _fresh(problem, as_of: str, **changes: object):
    raw = problem.model_dump(mode="json")
    raw["validation"]["freshness"] = {"column": "occurrencedate", "as_of": as_of, "max_age_days": 30} | changes
    return parse_problem(raw, "test")


def test_freshness_stops_old_data_and_puts_the_future_aside(small):
    rows = clean()
    rows.loc[0, "occurrencedate"] = "2021/12/31 23:59:59+00"
    rows.loc[1, "occurrencedate"] = "2022/01/01 00:00:00+00"
    problem = small(FILES["clean"](rows))
    assert run(_fresh(problem, "2021-12-31")).broken == {f"{BETWEEN}(occurrencedate)": 1}
    with pytest.raises(ValidationFailed, match=r"expect_column_max_to_be_between\(occurrencedate\): found 2022-01-01"):
        run(_fresh(problem, "2022-02-01"))


def test_freshness_of_a_column_that_is_no_time_is_refused(small):
    with pytest.raises(ProblemError, match="'Lat' is read as number"):
        run(_fresh(small(FILES["clean"](clean())), "2022-01-01", column="Lat"))


def test_without_a_suite_the_problem_itself_is_checked(small):
    validated = run(small(FILES["text among numbers"](clean()), suite=None, duplicates="keep"))
    assert validated.broken == {f"{OF_TYPE}(Lat)": 7}
    assert "names no suite" in validated.warnings[0]
    assert "occurrencemonth" in read_frame(validated.good)  # nothing says which columns there are
    for name, words in {
        "a class with two rows": r"\(MCI = Robbery\): found 2, asked min_value 10",
        "one class only": r"expect_column_unique_value_count_to_be_between\(MCI\): found 1",
        "a cell of 10 MB": "",
    }.items():
        problem = small(FILES[name](clean()), suite=None, duplicates="keep")
        if words:
            with pytest.raises(ValidationFailed, match=words):
                run(problem)
        else:
            assert run(problem).broken == {"expect_column_value_lengths_to_be_between(Neighbourhood)": 1}


def test_classes_are_the_problem_s_groups(small):
    target = {"column": "MCI", "groups": {"Theft": ["Auto Theft", "Theft Over"]}, "other": "Else", "drop": ["Assault"]}
    problem = small(FILES["a class with two rows"](clean()))
    grouped = parse_problem(problem.model_dump(mode="json") | {"target": target}, "test")
    assert run(grouped).good.rows  # Robbery is one of many in Else
    target["groups"] = {"Rob": ["Robbery"]}
    with pytest.raises(ValidationFailed, match=r"\(MCI = Rob\): found 2"):
        run(parse_problem(problem.model_dump(mode="json") | {"target": target}, "test"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"expectations": [{"type": "expect_rows_to_be_nice", "kwargs": {}}]}, "expect_rows_to_be_nice"),
        ({"expectations": [{"type": NOT_NULL, "kwargs": {"column": "MCI", "mostly": 7}}]}, "mostly"),
        ({"expectations": [{"type": NOT_NULL, "kwargs": {"column": "MCI"}, "meta": {"rows": "ignore"}}]}, "rows"),
        ({"expectations": []}, "expectations"),
        ({"meta": {"max_duplicate": 0.5}}, "max_duplicate"),
    ],
)
def test_a_faulty_suite_is_never_a_pass(change, words, small):
    problem = small(FILES["clean"](clean()))
    (settings().expectations / "toronto.json").write_text(json.dumps(toronto_suite() | change))
    with pytest.raises(ValidationFailed, match=words) as caught:
        run(problem)
    assert "\n" not in str(caught.value)


def test_an_expectation_that_cannot_be_checked_stops(small):
    problem = small(FILES["clean"](clean()))
    suite = toronto_suite()
    suite["expectations"].append(
        {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "MCI", "regex": "("}}
    )
    (settings().expectations / "toronto.json").write_text(json.dumps(suite))
    with pytest.raises(ValidationFailed, match=r"expect_column_values_to_match_regex\(MCI\) could not be checked"):
        run(problem)


def test_an_unknown_suite_is_named_with_the_known_ones(small):
    with pytest.raises(ValidationFailed, match=r"no suite 'paris'.*known are toronto"):
        run(small(FILES["clean"](clean()), suite="paris"))


def test_typed_parquet_is_as_good_as_text(small, tmp_path):
    _clean_rows().assign(reviewers=[["a", "b"]] * ROWS).to_parquet(tmp_path / "crimes.parquet")
    problem = small(b"").model_copy(update={"source": ParquetSource(kind="parquet", path=f"{tmp_path}/*.parquet")})
    validated = run(problem)
    assert (validated.good.rows, validated.broken) == (ROWS, {})
    assert "'reviewers'" in validated.warnings[0]
    pd.testing.assert_frame_equal(read_frame(validated.good), _clean_rows(), check_dtype=False)
    assert run(problem.model_copy(update={"suite": None})).good.rows == ROWS  # nested cells are compared too


def test_the_synthetic_homicides_meet_the_suite_of_the_real_ones():
    source = SyntheticSource(kind="synthetic", rows=3000)
    problem = load_problem("us_homicides").model_copy(update={"source": source})
    validated = run(problem)
    assert (validated.good.rows, validated.broken, validated.warnings) == (3000, {}, ())
    weapons = load_problem("us_homicides_weapon").model_copy(update={"source": source})
    with pytest.raises(ValidationFailed, match=r"\(Weapon = Fall\): found \d, asked min_value 30"):
        run(weapons)


def _real(name: str):
    problem = load_problem(name)
    try:
        return problem, ingest.fn(problem)
    except SourceError as error:
        if "can't be downloaded" not in str(error):
            raise
        pytest.skip(f"the package index can't be reached: {error}")


def test_toronto_as_published():
    problem, snapshot = _real("toronto")
    validated = validate.fn(snapshot, problem)
    assert validated.good.rows == 239_389
    assert validated.broken == {COPIES: 1_603}
    assert (validated.dropped_duplicates, validated.quarantined.rows) == (1_603, 1_603)
    assert validated.warnings == tuple(
        f"65 rows break {NOT_NULL}({column}), tolerated and kept"
        for column in ("occurrencemonth", "occurrencedayofweek")
    )
    good = read_frame(validated.good)
    assert good["occurrencemonth"].isna().sum() == 64  # one of the 65 is a copy
    assert not good.duplicated().any()


def test_west_yorkshire_as_published():
    problem, snapshot = _real("west_yorkshire")
    validated = validate.fn(snapshot, problem)
    assert (validated.good.rows, validated.quarantined, validated.broken) == (87_348, None, {})
    assert validated.warnings[-1] == "5,709 rows repeat an earlier one and are kept (`duplicates: keep`)"
    assert read_frame(validated.good)["Longitude"].isna().sum() == 3_771


@pytest.mark.parametrize("name", ["toronto", "west_yorkshire", "us_homicides"])
def test_suites_and_problems_agree(name):
    suite = json.loads((settings().expectations / f"{name}.json").read_text())
    problem = load_problem(name)
    columns = next(e["kwargs"]["column_set"] for e in suite["expectations"] if "column_set" in e["kwargs"])
    assert {*problem.columns, *problem.leaks} <= set(columns)
    assert {e["kwargs"]["column"] for e in suite["expectations"] if "column" in e["kwargs"]} <= set(columns)
    assert re.fullmatch(name, suite["name"])


@pytest.mark.parametrize(
    ("in_file", "in_problem"),
    [
        ("Primary\nType", "Primary\nType"),
        ("Primary\r\nType", "Primary\nType"),
        ("Deli\u0302kt", "Del\u00eekt"),
        ("Deli\u0302kt", "Deli\u0302kt"),
        ("a`b", "a`b"),
        ("\ufb01rst", "\ufb01rst"),
        ("esc\x1b[31m", "esc\x1b[31m"),
    ],
    ids=ascii,
)
def test_a_target_of_any_header_is_checked(in_file, in_problem, tmp_path):
    classes = ["Кража", "x`y", "l\nm", "q'\"", "\x1b[31mred"]
    rows = pd.DataFrame(
        {in_file: classes * 30, "x": range(150), "when": ["2020-01-01", "2024-01-01", "2021-06-01"] * 50}
    )
    rows.to_csv(tmp_path / "rows.csv", index=False)
    described = {
        "name": "hard",
        "title": "hard",
        "source": {"kind": "csv", "path": str(tmp_path / "rows.csv")},
        "target": {"column": in_problem},
        "features": {"base": {"numeric": ["x"]}},
        "split": {"holdout": {"column": "when", "start": "2024-01-01"}},
        "strategies": ["none"],
    }
    validated = run(parse_problem(described, "hard.yaml"))
    assert read_frame(validated.good)[in_problem].value_counts().to_dict() == dict.fromkeys(classes, 30)


def test_the_problem_may_allow_a_class_of_few_rows(small):
    allowed = ValidationPolicy(min_class_rows=2)
    assert run(small(FILES["a class with two rows"](clean()), validation=allowed)).good.rows
    with pytest.raises(ValidationFailed, match=r"found 2, asked min_value 3\. Classes of so few rows: leave"):
        run(small(FILES["a class with two rows"](clean()), validation=ValidationPolicy(min_class_rows=3)))


def test_the_values_of_a_suite_have_the_text_of_the_cells():
    rows = pd.DataFrame({"beat": [111.0, None, 7.5]})
    typed, _ = parse_columns(rows, {"beat": ColumnType("text")})
    expectation = Expectation(type=IN_SET, kwargs={"column": "beat", "value_set": ["111.00", "7.50"]})
    (result,) = Checker().run("beats", typed, [expectation])
    assert result.success

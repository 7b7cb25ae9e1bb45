"""A small clean file in the format of the Toronto data, and functions that break it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

import numpy as np
import pandas as pd

from tasks.settings import ROOT

ROWS = 3000
CLASSES = {"Assault": 0.52, "Break and Enter": 0.22, "Auto Theft": 0.13, "Robbery": 0.08, "Theft Over": 0.05}
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def toronto_suite() -> dict:
    """The Toronto suite, with its minimum numbers of rows scaled to a small file."""
    suite = json.loads((ROOT / "expectations" / "toronto.json").read_text())
    suite["meta"]["min_class_rows"] = 50
    for expectation in suite["expectations"]:
        if expectation["type"] == "expect_table_row_count_to_be_between":
            expectation["kwargs"]["min_value"] = 1000
    return suite


def allowed(column: str) -> list[str]:
    """Return the values that the suite allows in a column."""
    return next(
        e["kwargs"]["value_set"]
        for e in toronto_suite()["expectations"]
        if e["type"] == "expect_column_values_to_be_in_set" and e["kwargs"]["column"] == column
    )


def clean() -> pd.DataFrame:
    """Raw cells of 3,000 valid rows without duplicates."""
    rng = np.random.default_rng(42)
    days = pd.Timestamp("2014-01-01") + pd.to_timedelta(rng.integers(0, 2920, ROWS), unit="D")
    return pd.DataFrame(
        {
            "occurrencedate": days.strftime("%Y/%m/%d 05:00:00+00"),
            "occurrencehour": rng.integers(0, 24, ROWS).astype(str),
            "premises_type": rng.choice(allowed("premises_type"), ROWS),
            "occurrencemonth": days.month_name(),
            "occurrencedayofweek": [_DAYS[i].ljust(10) for i in days.day_of_week],
            "MCI": rng.choice(list(CLASSES), ROWS, p=list(CLASSES.values())),
            "Neighbourhood": rng.choice(allowed("Neighbourhood"), ROWS),
            "occurrenceday": days.day.astype(str),
            "occurrencedayofyear": days.day_of_year.astype(str),
            "Pub_Id": rng.integers(0, 406, ROWS).astype(str),
            "Park_Id": rng.integers(0, 93, ROWS).astype(str),
            "PS_Id": rng.integers(0, 23, ROWS).astype(str),
            "Lat": [f"{v:.8f}" for v in 43.59 + 0.26 * rng.random(ROWS)],
            "Long": [f"{v:.8f}" for v in -79.63 + 0.5 * rng.random(ROWS)],
        }
    )


def csv_bytes(frame: pd.DataFrame, **options: object) -> bytes:
    return frame.to_csv(index=False, lineterminator="\n", **options).encode()


def _with(column: str, rows: slice, value: object) -> Callable[[pd.DataFrame], bytes]:
    """Return a function that sets the cells of some rows in a column."""

    def build(frame: pd.DataFrame) -> bytes:
        changed = frame.copy()
        changed.iloc[rows, changed.columns.get_loc(column)] = value
        return csv_bytes(changed)

    return build


def _each(column: str, change: Callable[[str], str]) -> Callable[[pd.DataFrame], bytes]:
    """Return a function that changes every cell of a column."""
    return lambda frame: csv_bytes(frame.assign(**{column: frame[column].map(change)}))


def _swapped(frame: pd.DataFrame) -> bytes:
    return csv_bytes(frame.assign(Lat=frame["Long"], Long=frame["Lat"]))


def _island(frame: pd.DataFrame) -> bytes:
    changed = frame.copy()
    changed.loc[changed.index[:9], ["Lat", "Long"]] = "0"
    return csv_bytes(changed)


def _doubled_header(frame: pd.DataFrame) -> bytes:
    return csv_bytes(frame.rename(columns={"Long": "Lat"}))


def _ragged(frame: pd.DataFrame) -> bytes:
    lines = csv_bytes(frame).split(b"\n")
    lines[100] += b",one,more"
    return b"\n".join(lines)


def _first_row_as_header(frame: pd.DataFrame) -> bytes:
    """Remove the header; the first row has no repeated cell, as column names would not."""
    first = frame.apply(lambda row: row.nunique() == len(row), axis=1).to_numpy().argmax()
    return csv_bytes(frame[first:], header=False)


def _rare(frame: pd.DataFrame) -> bytes:
    return csv_bytes(pd.concat([frame[frame["MCI"] != "Robbery"], frame[frame["MCI"] == "Robbery"][:2]]))


def _rare_when_bad_rows_are_gone(frame: pd.DataFrame) -> bytes:
    robberies = frame[frame["MCI"] == "Robbery"][:52].copy()
    robberies.iloc[:5, robberies.columns.get_loc("occurrencehour")] = "25"
    return csv_bytes(pd.concat([frame[frame["MCI"] != "Robbery"], robberies]))


def _two_faults(frame: pd.DataFrame) -> bytes:
    changed = frame.copy()
    changed.loc[changed.index[:4], ["occurrencehour", "premises_type"]] = ["25", "Moon base"]
    return csv_bytes(changed)


FIRST, SOME = slice(0, 1), slice(100, 107)  # 1 and 7 rows

FILES: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "clean": csv_bytes,
    "byte order mark": lambda f: b"\xef\xbb\xbf" + csv_bytes(f),
    "gzipped": lambda f: gzip.compress(csv_bytes(f)),
    "line ends of Windows": lambda f: csv_bytes(f).replace(b"\n", b"\r\n"),
    "columns in another order": lambda f: csv_bytes(f[f.columns[::-1]]),
    "padded cells": lambda f: csv_bytes(f.map(lambda cell: f"  {cell} ")),
    "an extra column": lambda f: csv_bytes(f.assign(reviewer="nobody")),
    "an extra row number": lambda f: csv_bytes(f.assign(**{"Unnamed: 0": range(len(f))})),
    "a few empty months": _with("occurrencemonth", slice(0, 2), ""),
    "a few exact copies": lambda f: csv_bytes(pd.concat([f, f[:30]])),
    "empty target cells": _with("MCI", SOME, ""),
    "a new target class": _with("MCI", SOME, "Homicide"),
    "a new category": _with("premises_type", SOME, "Moon base"),
    "a category in another case": _with("premises_type", SOME, "HOUSE"),
    "text among numbers": _with("Lat", SOME, "unknown"),
    "thousands separators": _with("Pub_Id", SOME, "1,234"),
    "infinite values": _with("Long", SOME, "inf"),
    "hour 25": _with("occurrencehour", SOME, "25"),
    "a negative hour": _with("occurrencehour", SOME, "-1"),
    "no place: 0/0": _island,
    "future dates": _with("occurrencedate", SOME, "2031/01/01 05:00:00+00"),
    "a day that is none": _with("occurrencedate", SOME, "2019/02/30 05:00:00+00"),
    "some dates in another format": _with("occurrencedate", SOME, "31/12/2019"),
    "a line break in a cell": _with("Neighbourhood", FIRST, "Regent\nPark"),
    "a cell of 10 MB": _with("Neighbourhood", FIRST, "x" * 10_000_000),
    "a cell of markup": _with("Neighbourhood", FIRST, "<script>alert(1)</script> $column & more"),
    "two faults in a row": _two_faults,
    "no header": lambda f: csv_bytes(f, header=False),
    "no header, cells all different": _first_row_as_header,
    "header only": lambda f: csv_bytes(f[:0]),
    "empty": lambda f: b"",
    "blank": lambda f: b"\n \n",
    "cut in a row": lambda f: csv_bytes(f)[:100_020],
    "gzip cut off": lambda f: gzip.compress(csv_bytes(f))[:20_000],
    "semicolons": lambda f: csv_bytes(f, sep=";"),
    "tabs": lambda f: csv_bytes(f, sep="\t"),
    "UTF-16": lambda f: csv_bytes(f).decode().encode("utf-16"),
    "Latin-1": lambda f: _with("Neighbourhood", FIRST, "Montréal")(f).decode().encode("latin-1"),
    "NUL bytes": lambda f: csv_bytes(f).replace(b"Robbery", b"Rob\x00bery", 1),
    "binary": lambda f: b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40,
    "a spreadsheet": lambda f: b"PK\x03\x04" + bytes(200),
    "ragged row": _ragged,
    "a column named twice": _doubled_header,
    "a missing column": lambda f: csv_bytes(f.drop(columns="Lat")),
    "a renamed column": lambda f: csv_bytes(f.rename(columns={"Lat": "Latitude"})),
    "a column in another case": lambda f: csv_bytes(f.rename(columns={"MCI": "mci"})),
    "another data set": lambda f: csv_bytes(pd.DataFrame({"x": range(2000), "y": "a"})),
    "latitude and longitude swapped": _swapped,
    "a number column all text": _each("Lat", lambda _: "somewhere"),
    "a number column all empty": _each("Lat", lambda _: ""),
    "a text column all empty": _each("premises_type", lambda _: ""),
    "target all empty": _each("MCI", lambda _: ""),
    "months mostly empty": _with("occurrencemonth", slice(0, 1000), ""),
    "dates in another format": _each("occurrencedate", lambda d: f"{d[8:10]}.{d[5:7]}.{d[:4]}"),
    "decimal commas": _each("Lat", lambda v: v.replace(".", ",")),
    "one class only": _each("MCI", lambda _: "Assault"),
    "a class missing": lambda f: csv_bytes(f[f["MCI"] != "Robbery"]),
    "a class with two rows": _rare,
    "a class too small without its bad rows": _rare_when_bad_rows_are_gone,
    "half the rows copied": lambda f: csv_bytes(pd.concat([f, f[: ROWS // 2]])),
    "a constant coordinate": _each("Lat", lambda _: "43.7"),
    "too few rows": lambda f: csv_bytes(f[:400]),
}

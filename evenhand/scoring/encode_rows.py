"""A fitted encoder applied to typed columns without a frame.

scikit-learn's ``ColumnTransformer`` takes milliseconds per step to cut a frame into pieces, for one row as for a
thousand. Steps of categories, numbers, times, coordinates and class rates read the columns directly here; any other
step, such as text or anomaly scores, gets its frame.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from evenhand.data.schema import ColumnType
from evenhand.features.class_rates import (
    UNSEEN,
    RateCategories,
    RateEncoder,
    cell_codes,
    crossing,
    name_of,
    part_codes,
    step_of,
)
from evenhand.features.column_cells import (
    MISSING,
    CoordinateCells,
    CyclicCells,
    NumberCells,
    TextCells,
    TimeCells,
)
from evenhand.features.encoder import NewGapFiller
from evenhand.features.unknown_cells import OWN_STEPS
from evenhand.scoring.cells import Cells, part_of, read_column, typed_frame
from evenhand.text.cell_text import canonical_text

Types = Mapping[str, ColumnType]


class RowColumns(NamedTuple):
    """The same rows as raw cells and as typed values, by column."""

    cells: Mapping[str, Cells]
    values: Mapping[str, Any]
    types: Types


Step = Callable[[RowColumns], np.ndarray]


class RowEncoder:
    """Encodes rows as the encoder does.

    Parameters
    ----------
    encoder : Encoder, Pipeline or ColumnTransformer
        Fitted.
    types : mapping of str to ColumnType
        Of the raw columns.
    """

    def __init__(self, encoder: Any, types: Types) -> None:
        steps = [step for _, step in encoder.steps] if isinstance(encoder, Pipeline) else [encoder]
        self._columns = steps[0] if is_direct(encoder) else None
        self._after = steps[1:]
        self._whole, self._types = encoder, types
        self._steps: list[Step] = []
        self._unknown: list[tuple[str, int, bool]] = []  # raw column, encoded column, whether it holds categories
        if self._columns is not None:
            self._take(self._columns)

    @property
    def is_direct(self) -> bool:
        """Whether no step needs a frame."""
        by_frame = [getattr(step, "func", step) is _by_frame for step in self._steps]
        return self._columns is not None and not any(by_frame)

    def encode(self, rows: RowColumns) -> tuple[np.ndarray, dict[str, int]]:
        """Encode rows, of which there is at least one.

        Returns
        -------
        ndarray of float, shape (n_rows, n_encoded)
        dict of str to int
            Cells that the encoder does not know, by raw column: categories that no training row had, and missing
            values of columns that had none. Empty for an encoder that has no columns of its own, as a stack's.
        """
        if self._columns is None:
            frame = typed_frame(rows.cells, self._types, list(self._whole.feature_names_in_))
            return self._whole.transform(frame), {}
        parts = [step(rows) for step in self._steps]
        encoded = parts[0] if len(parts) == 1 else np.hstack(parts)
        unknown = self._unknown_cells(encoded)
        for step in self._after:
            encoded = step.transform(encoded)
        return encoded, unknown

    def _take(self, columns: ColumnTransformer) -> None:
        usual = [step.missing_share_ for step in self._after]
        for title, transformer, names in columns.transformers_:
            if (isinstance(transformer, str) and transformer == "drop") or not len(names):
                continue
            self._steps.append(_step(transformer, [str(name) for name in names], self._types))
            if title.startswith(OWN_STEPS):
                first = columns.output_indices_[title].start
                for i, name in enumerate(map(str, names)):
                    is_category = title.startswith("categorical")
                    if is_category or not usual or usual[0][first + i] == 0:
                        self._unknown.append((name, first + i, is_category))

    def _unknown_cells(self, encoded: np.ndarray) -> dict[str, int]:
        found: dict[str, int] = {}
        gaps, unseen = np.isnan(encoded).sum(axis=0), (encoded == UNSEEN).sum(axis=0)
        for name, column, is_category in self._unknown:
            count = int(unseen[column] if is_category else gaps[column])
            if count:
                found[name] = found.get(name, 0) + count
        return found


def is_direct(encoder: Any) -> bool:
    """Whether the steps of an encoder can read columns directly: not those of a stack, whose members encode."""
    steps = [step for _, step in encoder.steps] if isinstance(encoder, Pipeline) else [encoder]
    after = all(isinstance(step, NewGapFiller) for step in steps[1:])
    return isinstance(steps[0], ColumnTransformer) and after


def _step(transformer: Any, names: list[str], types: Types) -> Step:
    """Return the function that does what a transformer does, on columns where it can and on a frame elsewhere."""
    kinds = {types[name].kind for name in names if name in types}
    parts = [step for _, step in transformer.steps] if isinstance(transformer, Pipeline) else [transformer]
    match parts:
        case [TextCells(), OrdinalEncoder() as ordinal] if "time" not in kinds:
            return partial(_categories, tables=_tables(ordinal, names))
        case [NumberCells() | CoordinateCells() as cells] if kinds == {"number"}:
            return partial(_numbers, transform=cells.of_numbers, names=names)
        case [CyclicCells() as cells] if kinds <= {"number", "text"}:
            return partial(_positions, cells=cells, positions=cells.positions, name=names[0])
        case [TimeCells() as cells] if kinds == {"time"}:
            return partial(_times, transform=cells.of_parts, name=names[0])
        case [RateCategories() as categories, RateEncoder() as rates] if _readable(categories, types):
            return _Rates(categories, rates)
    return partial(_by_frame, transform=transformer.transform, names=names)


def _by_frame(rows: RowColumns, transform: Callable[[Any], Any], names: Sequence[str]) -> np.ndarray:
    return np.asarray(transform(typed_frame(rows.cells, rows.types, names)), dtype=float)


def _tables(ordinal: OrdinalEncoder, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the code of every category of each column, as the encoder gives it; rare ones share a code."""
    longest = max(map(len, ordinal.categories_))
    padded = [np.append(known, [known[0]] * (longest - len(known))) for known in ordinal.categories_]
    codes = ordinal.transform(np.column_stack(padded).astype(object))
    return {
        name: dict(zip(known, codes[:, i], strict=False))
        for i, (name, known) in enumerate(zip(names, ordinal.categories_, strict=True))
    }


def _categories(rows: RowColumns, tables: Mapping[str, Mapping[str, float]]) -> np.ndarray:
    columns = []
    for name, table in tables.items():
        texts = _texts(rows.values[name])
        columns.append([table.get(MISSING if text is None else text, float(UNSEEN)) for text in texts])
    return np.array(columns, dtype=float).T


def _texts(values: Any) -> Sequence[str | None]:
    """Return the texts of a typed column of numbers or text; None where a value is missing."""
    if isinstance(values, np.ndarray):
        return [None if number != number else canonical_text(number) for number in values]  # noqa: PLR0124 - NaN
    return list(values)


def _numbers(rows: RowColumns, transform: Callable[[np.ndarray], np.ndarray], names: Sequence[str]) -> np.ndarray:
    return transform(np.column_stack([rows.values[name] for name in names]))


def _positions(rows: RowColumns, cells: CyclicCells, positions: Mapping[str, int], name: str) -> np.ndarray:
    values = rows.values[name]
    if positions:
        return cells.of_numbers(np.array([positions.get(text or "", np.nan) for text in _texts(values)], dtype=float))
    if not isinstance(values, np.ndarray):
        values = read_column(values, ColumnType("number"), name).values
    return cells.of_numbers(values)


def _times(rows: RowColumns, transform: Callable[[Any], np.ndarray], name: str) -> np.ndarray:
    return transform(partial(part_of, rows.values[name]))


def _readable(categories: RateCategories, types: Types) -> bool:
    """Whether class rates read columns of the types that they are known by here."""
    for part in categories.parts:
        if any(types[column].kind == "time" for column in part["columns"]):
            return False
        if part["time"] and types[part["time"]["column"]].kind != "time":
            return False
        if part["latitude"] and {types[part[c]].kind for c in ("latitude", "longitude")} != {"number"}:
            return False
    return True


class _Rates:
    """Class rates by crossings; the codes of a column, or of a cell size, are looked up once for all crossings."""

    def __init__(self, categories: RateCategories, rates: RateEncoder) -> None:
        self._parts = categories.parts
        self._tables = {
            (column, step_of(part, column)): categories.codes_by_name(column, step_of(part, column))
            for part in categories.parts
            for column in part["columns"]
        }
        self._known = [np.asarray(known) for known in rates.categories_]
        n = len(rates.classes_) if rates.target_type_ == "multiclass" else 1
        means = np.atleast_1d(rates.target_mean_)
        # One table of rates per crossing; its last row, for what the training rows lack, has the class shares.
        self._rates = [
            np.vstack([np.column_stack(rates.encodings_[i * n : (i + 1) * n]), means]) for i in range(len(self._parts))
        ]

    def __call__(self, rows: RowColumns) -> np.ndarray:
        found: dict[Any, tuple[np.ndarray, int]] = {}
        encoded = []
        for part, known, rates in zip(self._parts, self._known, self._rates, strict=True):
            codes = crossing(self._factors(part, rows, found))
            at = np.searchsorted(known, codes)
            at[at == len(known)] = 0
            encoded.append(rates[np.where(known[at] == codes, at, len(known))])
        return np.hstack(encoded)

    def _factors(self, part: dict, rows: RowColumns, found: dict[Any, tuple[np.ndarray, int]]) -> list:
        factors = [self._column((column, step_of(part, column)), rows, found) for column in part["columns"]]
        if part["time"]:
            factors += part_codes(part["time"]["parts"], partial(part_of, rows.values[part["time"]["column"]]))
        if part["latitude"]:
            key = (part["latitude"], part["longitude"], part["cell"])
            if key not in found:
                points = np.column_stack([rows.values[part["latitude"]], rows.values[part["longitude"]]])
                found[key] = cell_codes(points, part["cell"])
            factors.append(found[key])
        return factors

    def _column(self, key: tuple[str, float | None], rows: RowColumns, found: dict[Any, Any]) -> tuple[np.ndarray, int]:
        if key not in found:
            column, step = key
            table, values = self._tables[key], rows.values[column]
            names = _texts(values) if step is None else _names(values, step)
            codes = [table.get("" if name is None else name, UNSEEN) for name in names]
            found[key] = np.array(codes, dtype=np.int64), len(table)
        return found[key]


def _names(values: Any, step: float) -> list[str | None]:
    return [None if text is None else name_of(text, step) for text in _texts(values)]

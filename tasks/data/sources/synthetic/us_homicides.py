"""A synthetic twin of the US homicide reports. No row is a record of a real person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from tasks.data.sources.synthetic import margins as m
from tasks.data.sources.synthetic.weapons import draw_weapons

_RELATIONSHIPS = tuple(m.RELATIONSHIPS_SOLVED)


def us_homicides(rows: int, seed: int) -> pd.DataFrame:
    """Generate a synthetic twin of the Supplementary Homicide Reports 1980-2014.

    Columns, domains and margins are those of the published set. `Weapon` depends on the relationship, the victim's age
    and sex, the state, the year, the agency and the number of victims, by an invented pattern: a model can learn part
    of it, but what it learns says nothing about the world.

    Parameters
    ----------
    rows : int
        At least 1. Margins are less exact with fewer rows; from 100 rows on every weapon occurs at least twice.
    seed : int
        The same rows and seed give the same cells.

    Returns
    -------
    DataFrame of shape (rows, 24)
        Cells as text, as if read from the CSV. No cell is missing, but one `Perpetrator Age` is a blank.

    Raises
    ------
    ValueError
        When ``rows`` is less than 1.

    Examples
    --------
    >>> twin = us_homicides(500, seed=42)
    >>> twin.shape, twin["Weapon"].nunique(), (twin["Perpetrator Age"] == " ").sum().item()
    ((500, 24), 16, 1)
    """
    if rows < 1:
        raise ValueError(f"rows must be 1 or more, found {rows}")
    rng = np.random.default_rng(seed)
    case = _case(rng, rows)
    victim = _victim(rng, case)
    weapon = draw_weapons(rng, case | victim)
    return pd.DataFrame(_cells(rng, case | victim, weapon))


def _case(rng: np.random.Generator, rows: int) -> dict[str, np.ndarray]:
    """Draw where, when and by whom a case was reported, as positions in the tables of margins."""
    unsolved = _pick(rng, rows, m.SOLVED.values())
    state = _pick(rng, rows, m.STATES.values())
    return {
        "unsolved": unsolved,
        "state": state,
        "city": _city(rng, state),
        "year": _pick(rng, rows, m.YEARS.values()),
        "month": _pick(rng, rows, m.MONTHS.values()),
        "negligent": _pick(rng, rows, m.CRIMES.values()),
        "agency": _pick_by(rng, unsolved, (m.AGENCIES_SOLVED.values(), m.AGENCIES_UNSOLVED.values())),
    }


def _victim(rng: np.random.Generator, case: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    unsolved = case["unsolved"]
    nobody = [float(name == "Unknown") for name in _RELATIONSHIPS]
    relationship = _pick_by(rng, unsolved, (m.RELATIONSHIPS_SOLVED.values(), nobody))
    by_relationship = np.array([0 if r in m.MALE else 1 if r in m.FEMALE else -1 for r in _RELATIONSHIPS])[relationship]
    sex = np.where(by_relationship >= 0, by_relationship, _pick_by(rng, unsolved, (m.SEX_SOLVED, m.SEX_UNSOLVED)))
    race = _pick(rng, len(unsolved), m.RACE_SHARES)
    return {
        "relationship": relationship,
        "sex": sex,
        "race": race,
        "ethnicity": _ethnicity(rng, unsolved, race),
        "age": _age(rng, relationship),
        "others": np.minimum(rng.geometric(0.9, len(unsolved)) - 1, 10),
    }


def _age(rng: np.random.Generator, relationship: np.ndarray) -> np.ndarray:
    """Draw ages in years: children young, parents old, the others mostly in their twenties; 998 is unknown."""
    n = len(relationship)
    kind = np.array([1 if r in m.CHILDREN else 2 if r in m.PARENTS else 0 for r in _RELATIONSHIPS])[relationship]
    others = np.where(rng.random(n) < 0.03, rng.uniform(0, 99, n), 15 + rng.gamma(1.9, 9.5, n))
    by_kind = (others, rng.exponential(9.0, n), rng.normal(55.0, 12.0, n))
    age = np.clip(np.choose(kind, by_kind), 0, 99).astype(np.int64)
    return np.where(rng.random(n) < 0.0015, 998, age)


def _ethnicity(rng: np.random.Generator, unsolved: np.ndarray, race: np.ndarray) -> np.ndarray:
    n = len(race)
    unknown = rng.random(n) < np.array(list(m.ETHNICITY_UNKNOWN.values()))[unsolved]
    not_hispanic = rng.random(n) >= np.array(m.HISPANIC_GIVEN_RACE)[race]
    return np.where(unknown, 2, not_hispanic)


def _city(rng: np.random.Generator, state: np.ndarray) -> np.ndarray:
    """Draw positions in `_cities()`; the first cities of a state are the largest."""
    edges = [s + np.cumsum(w) / np.sum(w) for s, n in enumerate(_cities_of()) for w in [np.arange(1, n + 1) ** -0.8]]
    return np.searchsorted(np.concatenate(edges)[:-1], state + rng.random(len(state)), side="right")


def _cities_of() -> list[int]:
    return [3 + count // 800 for count in m.STATES.values()]


def _cities() -> list[str]:
    return [f"{state} City {k + 1}" for state, n in zip(m.STATES, _cities_of(), strict=True) for k in range(n)]


def _cells(rng: np.random.Generator, known: Mapping[str, np.ndarray], weapon: np.ndarray) -> dict[str, object]:
    rows, unsolved = len(weapon), known["unsolved"]
    cities = _cities()
    codes = [f"{name.split(' City ')[0][:2].upper()}{k:05d}" for k, name in enumerate(cities)]
    return {
        "Record ID": pd.Series(np.arange(1, rows + 1)).astype("str").array,
        "Agency Code": _text(codes, known["city"]),
        "Agency Name": _text(cities, known["city"]),
        "Agency Type": _text(m.AGENCIES_SOLVED, known["agency"]),
        "City": _text(cities, known["city"]),
        "State": _text(m.STATES, known["state"]),
        "Year": _text(m.YEARS, known["year"]),
        "Month": _text(m.MONTHS, known["month"]),
        "Incident": _number(np.minimum(rng.geometric(0.05, rows) - 1, 999)),
        "Crime Type": _text(m.CRIMES, known["negligent"]),
        "Crime Solved": _text(m.SOLVED, unsolved),
        "Victim Sex": _text(m.SEXES, known["sex"]),
        "Victim Age": _number(known["age"]),
        "Victim Race": _text(m.RACES, known["race"]),
        "Victim Ethnicity": _text(m.ETHNICITIES, known["ethnicity"]),
        **_perpetrator(rng, known),
        "Relationship": _text(_RELATIONSHIPS, known["relationship"]),
        "Weapon": _text(m.WEAPONS, weapon),
        "Victim Count": _number(known["others"]),
        "Perpetrator Count": _number(np.where(unsolved, 0, np.minimum(rng.geometric(0.85, rows) - 1, 10))),
        "Record Source": _text(m.RECORDS, _pick(rng, rows, m.RECORDS.values())),
    }


def _perpetrator(rng: np.random.Generator, known: Mapping[str, np.ndarray]) -> dict[str, object]:
    """Draw the perpetrator: unknown in unsolved cases, mostly of the victim's race in solved ones."""
    unsolved, rows = known["unsolved"] == 1, len(known["unsolved"])
    sex = np.where(unsolved, 2, _pick(rng, rows, (0.891, 0.1085, 0.0005)))
    race = np.where(rng.random(rows) < 0.8, known["race"], _pick(rng, rows, m.RACE_SHARES))
    age = np.where(unsolved, 0, np.clip(14 + rng.gamma(2.0, 8.5, rows), 10, 99).astype(np.int64))
    ages = _number(age)
    ages[rows // 2] = " "
    return {
        "Perpetrator Sex": _text(m.SEXES, sex),
        "Perpetrator Age": ages,
        "Perpetrator Race": _text(m.RACES, np.where(unsolved, 4, race)),
        "Perpetrator Ethnicity": _text(m.ETHNICITIES, np.where(unsolved, 2, _ethnicity(rng, known["unsolved"], race))),
    }


def _pick(rng: np.random.Generator, rows: int, weights: Iterable[float]) -> np.ndarray:
    """Draw positions by weight."""
    edges = np.cumsum(list(weights), dtype=np.float64)
    return np.searchsorted(edges[:-1] / edges[-1], rng.random(rows), side="right")


def _pick_by(rng: np.random.Generator, which: np.ndarray, weights: Sequence[Iterable[float]]) -> np.ndarray:
    """Draw a position for each row by the weights at position ``which`` of that row."""
    return np.choose(which, [_pick(rng, len(which), w) for w in weights])


def _text(names: Iterable[object], codes: np.ndarray) -> pd.api.extensions.ExtensionArray:
    return pd.array([str(name) for name in names], dtype="str").take(codes)


def _number(values: np.ndarray) -> pd.api.extensions.ExtensionArray:
    """Write whole numbers from 0 to 999 as text."""
    return _text(range(1000), values)

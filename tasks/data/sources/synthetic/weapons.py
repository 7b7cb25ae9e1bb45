"""The invented pattern behind the weapons of the synthetic homicide reports."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tasks.data.sources.synthetic import margins as m

_WEAPONS = tuple(m.WEAPONS)
_RELATIONSHIPS = tuple(m.RELATIONSHIPS_SOLVED)
_CALIBRATION_ROWS = 100_000
# Exponent of every factor, chosen so that LightGBM reaches about four times the scores of the class shares alone.
_SHARPNESS = 1.75


def draw_weapons(rng: np.random.Generator, known: Mapping[str, np.ndarray]) -> np.ndarray:
    """Draw weapons by the invented pattern, with the published margins.

    Parameters
    ----------
    rng : Generator
    known : mapping of str to ndarray of shape (n_rows,)
        Positions in the tables of margins for `state`, `year`, `relationship`, `sex`, `agency` and `negligent`; `age`
        and the number of `others` killed.

    Returns
    -------
    ndarray of shape (n_rows,)
        Positions in ``WEAPONS``. A weapon drawn too rarely gets a few more rows, where it is likeliest.
    """
    logits = _logits(known)
    rows = len(logits)
    logits += _calibration(logits[:: max(1, rows // _CALIBRATION_ROWS)])
    odds = np.exp(logits, out=logits)
    edges = np.cumsum(odds, axis=1)
    draw = rng.random(rows, dtype=np.float32) * edges[:, -1]
    weapon = np.minimum((draw[:, None] > edges).sum(axis=1), len(_WEAPONS) - 1)
    for rare in np.flatnonzero(np.bincount(weapon, minlength=len(_WEAPONS)) < _floor(rows)):
        lacking = _floor(rows) - np.count_nonzero(weapon == rare)
        common = np.flatnonzero(weapon == 0)
        chance = odds[common, rare].astype(np.float64)
        weapon[rng.choice(common, size=min(int(lacking), len(common)), replace=False, p=chance / chance.sum())] = rare
    return weapon


def _floor(rows: int) -> int:
    return min(8, rows // 50)


def _logits(known: Mapping[str, np.ndarray]) -> np.ndarray:
    """Sum the logarithms of the factors; shape (n_rows, n_weapons), float32."""
    spread = [m.STATE_SPREAD.get(weapon, 0.25) for weapon in _WEAPONS]
    # A fixed seed: the pattern is the same in every twin.
    by_state = np.random.default_rng(1980).normal(scale=spread, size=(len(m.STATES), len(_WEAPONS)))
    logits = by_state.astype(np.float32)[known["state"]]
    for name, where in _conditions(known).items():
        factors = _SHARPNESS * np.log([m.WEAPON_FACTORS[name].get(weapon, 1.0) for weapon in _WEAPONS]).astype(
            np.float32
        )
        columns = np.flatnonzero(factors)
        logits[:, columns] += where.astype(np.float32)[:, None] * factors[columns]
    return logits


def _conditions(known: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return, for each name in `WEAPON_FACTORS`, the rows it holds for; for the years, a share of thirty."""
    who, age = known["relationship"], known["age"]
    related = {
        "stranger": ("Stranger",),
        "acquaintance": ("Acquaintance", "Friend", "Neighbor", "Employer", "Employee"),
        "lover": m.LOVERS,
        "child": m.CHILDREN,
        "family": (*m.PARENTS, "Brother", "Sister", "Family"),
        "nobody known": ("Unknown",),
    }
    aged = {
        "aged 0-4": (0, 5),
        "aged 5-13": (5, 14),
        "aged 14-24": (14, 25),
        "aged 45-64": (45, 65),
        "aged 65-99": (65, 100),
    }
    oklahoma, the_year = list(m.STATES).index("Oklahoma"), list(m.YEARS).index(1995)
    return {
        **{name: np.array([r in group for r in _RELATIONSHIPS])[who] for name, group in related.items()},
        **{name: (low <= age) & (age < high) for name, (low, high) in aged.items()},
        "female": known["sex"] == 1,
        "by negligence": known["negligent"] == 1,
        "more victims": known["others"] > 0,
        "Oklahoma 1995": (known["state"] == oklahoma) & (known["year"] == the_year),
        "not municipal": known["agency"] > 0,
        "thirty years later": known["year"] / 30.0,
    }


def _calibration(logits: np.ndarray) -> np.ndarray:
    """Return what to add to each weapon's logits so that the mean probabilities equal the published shares."""
    shares = np.array(list(m.WEAPONS.values()), dtype=np.float64)
    shares /= shares.sum()
    odds = np.exp(logits)
    scale = shares / odds.mean(axis=0)
    for _ in range(25):
        mean = (odds / (odds @ scale.astype(np.float32))[:, None]).mean(axis=0, dtype=np.float64) * scale
        scale *= shares / mean
    return np.log(scale).astype(np.float32)

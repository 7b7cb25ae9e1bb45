"""A small made-up city: six areas, one planted hotspot, two classes, one of them drugs."""

import numpy as np
import pandas as pd

HOT = (43.6553, -79.3852)  # a spot inside one cell
CLASSES = ("Drug offence", "Theft")


def city_rows(years=4, per_week=60, seed=0):
    """Rows with a fifth of the thefts at the planted spot, and the rest anywhere in a square of 6 km."""
    rng = np.random.default_rng(seed)
    weeks = 52 * years
    n = weeks * per_week
    day = pd.Timestamp("2018-01-01") + pd.to_timedelta(rng.integers(0, 7 * weeks, n), unit="D")
    kind = np.where(rng.random(n) < 0.15, CLASSES[0], CLASSES[1])
    hot = (rng.random(n) < 0.2) & (kind == CLASSES[1])
    latitude = np.where(hot, HOT[0], 43.63 + 0.05 * rng.random(n))
    longitude = np.where(hot, HOT[1], -79.42 + 0.07 * rng.random(n))
    column = np.floor((longitude + 79.42) / 0.07 * 3).clip(0, 2).astype(int)
    row = np.floor((latitude - 43.63) / 0.05 * 2).clip(0, 1).astype(int)
    frame = pd.DataFrame(
        {
            "when": day.strftime("%Y-%m-%d"),
            "hour": rng.integers(0, 24, n),
            "district": [f"District {3 * r + c}" for r, c in zip(row, column, strict=True)],
            "lat": latitude.round(6),
            "lon": longitude.round(6),
            "kind": kind,
        }
    )
    return frame.sort_values("when", kind="stable", ignore_index=True)


def city_problem(**analysis):
    """Plain data of a problem on :func:`city_rows`."""
    return {
        "name": "made_up_city",
        "title": "A made-up city",
        "source": {"kind": "csv", "path": "unset.csv"},
        "duplicates": "keep",
        "target": {"column": "kind"},
        "features": {
            "base": {
                "categorical": ["district"],
                "numeric": ["hour", "lat", "lon"],
                "time": [{"column": "when", "parts": ["month"]}],
            }
        },
        "split": {
            "holdout": {"column": "when", "start": pd.Timestamp("2021-07-01").date()},
            "folds": {"kind": "stratified", "n": 2},
        },
        "strategies": ["none"],
        "analysis": analysis,
    }

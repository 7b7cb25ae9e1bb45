"""A problem small enough to train in seconds, written where a user would put it."""

import numpy as np
import pandas as pd

CLASSES = ("Assault", "Robbery", "Theft")


def small_rows(n=1500, seed=0):
    """Rows with a signal in `hour` and `place`, two years, three classes of which the last is rare."""
    generator = np.random.default_rng(seed)
    y = generator.choice(3, n, p=[0.6, 0.25, 0.15])
    when = pd.Timestamp("2020-01-01") + pd.to_timedelta(generator.integers(0, 730, n), unit="D")
    place = np.where(generator.random(n) < 0.6, y, generator.integers(0, 3, n))
    frame = pd.DataFrame(
        {
            "when": pd.Series(when).dt.strftime("%Y-%m-%d"),
            "hour": np.clip(np.round(generator.normal(6 + 5 * y, 3)), 0, 23).astype(int),
            "place": np.array(["street", "house", "shop"])[place],
            "kind": np.array(CLASSES)[y],
        }
    )
    return frame.sort_values("when", ignore_index=True)


def small_problem(**changes):
    """Plain data of a problem on :func:`small_rows`."""
    return {
        "name": "small",
        "title": "A small town",
        "source": {"kind": "csv", "path": "unset.csv"},
        "target": {"column": "kind"},
        "features": {
            "base": {
                "categorical": ["place"],
                "numeric": ["hour"],
                "time": [{"column": "when", "parts": ["month"]}],
            }
        },
        "split": {
            "holdout": {"column": "when", "start": pd.Timestamp("2021-07-01").date()},
            "folds": {"kind": "stratified", "n": 2},
        },
        "models": [{"kind": "lightgbm", "params": {"n_estimators": 15}}],
        "strategies": ["none", "random_over"],
        "decisions": ["argmax"],
        **changes,
    }

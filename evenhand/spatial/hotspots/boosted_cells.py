"""LightGBM with the loss of Poisson on cells: past counts, densities and the other classes, for the coming quarter."""

from __future__ import annotations

import numpy as np

from evenhand.spatial.hotspots.cells import CellCounts
from evenhand.spatial.hotspots.surfaces import LONGEST_HISTORY, YEAR, ProMap

MOST_ROWS = 250_000  # drawn from all rows of the past origins
_AHEAD, _EVERY, _ORIGINS = 13, 6, 16
ROUNDS, LEAVES, LEARNING_RATE = 80, 15, 0.06
_WINDOWS = (13, 26, 52, 104, 156, LONGEST_HISTORY)


class BoostedCells:
    """One model for all classes; it begins at a smoothed mean of the last years."""

    name = "LightGBM Poisson"

    def __init__(self, seed: int, threads: int = 0) -> None:
        self.seed, self.threads = seed, threads

    def fit(self, history: CellCounts) -> None:
        """Grow the trees on origins whose quarter is over."""
        import lightgbm

        n = history.n_weeks
        origins = [t for t in range(n - _AHEAD, YEAR, -_EVERY)][:_ORIGINS]
        rng = np.random.default_rng(self.seed)
        each = MOST_ROWS // max(1, len(origins))
        X, base, y = [], [], []
        for t in origins:
            made, level = self._features(history.before(t))
            rows = np.sort(rng.permutation(len(made))[:each])
            X.append(made[rows])
            base.append(level[rows])
            y.append(history.between(t, t + _AHEAD).ravel()[rows])
        data = lightgbm.Dataset(
            np.concatenate(X), np.concatenate(y), init_score=np.concatenate(base), categorical_feature=[0]
        )
        settings = {
            "objective": "poisson",
            "learning_rate": LEARNING_RATE,
            "num_leaves": LEAVES,
            "min_data_in_leaf": 300,
            "lambda_l2": 5.0,
            "max_bin": 63,
            "feature_fraction": 0.7,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": self.threads,
            "verbosity": -1,
        }
        self.booster_ = lightgbm.train(settings, data, num_boost_round=ROUNDS)

    def score(self, history: CellCounts) -> np.ndarray:
        """Predict the events of a quarter."""
        X, base = self._features(history)
        raw = base + self.booster_.predict(X, raw_score=True)
        return np.asarray(np.exp(raw)).reshape(len(history.classes), -1)

    def _features(self, history: CellCounts) -> tuple[np.ndarray, np.ndarray]:
        """Return features of every class and cell, and the logarithm of the level from which the trees begin."""
        n = history.n_weeks
        counts = {width: history.between(n - width, n).astype(float) for width in _WINDOWS}
        near = {width: np.stack([history.smoothed(c, 1.0) for c in counts[width]]) for width in (52, 156)}
        wide = np.stack([history.smoothed(c, 3.0) for c in counts[156]])
        weeks = min(156, n)
        level = _AHEAD / weeks * (0.75 * counts[156] + 0.2 * near[156] + 0.05 * wide + 0.01)
        columns = [np.repeat(np.arange(len(history.classes))[:, None], len(history.cells), axis=1)]
        columns += [*counts.values(), *near.values(), wide, ProMap().score(history), np.log(level)]
        for width in (52, 156):
            columns.append(counts[width].sum(axis=0) - counts[width])
        columns.append(near[156].sum(axis=0) - near[156])
        X = np.stack([np.broadcast_to(column, level.shape) for column in columns], axis=-1).astype(np.float32)
        return X.reshape(-1, X.shape[-1]), np.log(level).ravel()

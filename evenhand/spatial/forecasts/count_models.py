"""Models of counts: a negative binomial regression, and LightGBM with the loss of Poisson or of Tweedie.

All of them give a mean; the spread around it is that of negative binomials, by maximum likelihood on the newest rows,
which a model was not fitted on, class by class and horizon by horizon.
"""

from __future__ import annotations

import numpy as np

from evenhand.spatial.counts import Counts
from evenhand.spatial.forecasts.distributions import LARGEST_SIZE, dispersion
from evenhand.spatial.forecasts.features import FeatureMaker, FeatureRows
from evenhand.spatial.forecasts.forecast import Forecast

MOST_ROWS = 300_000  # that a model learns from: the newest
_SPREAD_SHARE = 0.15  # of the origins: the newest, on which the spread is learned
ROUNDS, LEAVES, LEARNING_RATE = 120, 15, 0.06


class _Model:
    """What all models share: rows of past origins in, means of the coming periods out."""

    def fit(self, history: Counts, horizons: int) -> None:
        """Fit on the past origins, the newest left out; learn the spread on those; then fit on all."""
        n_classes, n_areas, n = history.values.shape
        first = min(history.periods.year, n // 2)
        pairs = [(t, 1 + t % horizons) for t in range(max(first, 3), n - horizons + 1)]
        pairs = pairs[-max(20, MOST_ROWS // (n_classes * n_areas)) :]
        held = max(horizons, int(_SPREAD_SHARE * len(pairs)))
        maker = FeatureMaker(history)
        # A target of the first part is a period before the first origin of the second.
        early = [(t, ahead) for t, ahead in pairs[:-held] if t + ahead - 1 < pairs[-held][0]]
        train, late = maker.rows(early, known=True), maker.rows(pairs[-held:], known=True)
        self.n_classes_ = n_classes
        self.learn(train)
        self.size_ = self._spread(late, horizons)
        self.learn(FeatureRows(np.r_[train.X, late.X], np.r_[train.base, late.base], _joined(train, late)))

    def predict(self, history: Counts, horizons: int) -> Forecast:
        """Forecast the coming periods."""
        n_classes, n_areas, n = history.values.shape
        rows = FeatureMaker(history).rows([(n, ahead) for ahead in range(1, horizons + 1)], known=False)
        mean = self.mean(rows).reshape(horizons, n_classes, n_areas)
        return Forecast(np.moveaxis(mean, 0, 2), self.size_)

    def learn(self, rows: FeatureRows) -> None:
        """Fit to rows."""
        raise NotImplementedError

    def mean(self, rows: FeatureRows) -> np.ndarray:
        """Return the mean of each row."""
        raise NotImplementedError

    def _spread(self, rows: FeatureRows, horizons: int) -> np.ndarray:
        mean, klass, ahead = self.mean(rows), rows.X[:, 0].astype(int), rows.X[:, -1].astype(int)
        size = np.full((self.n_classes_, horizons), LARGEST_SIZE)
        if rows.y is None:
            return size
        for c in range(self.n_classes_):
            of_class = klass == c
            size[c] = dispersion(rows.y[of_class], mean[of_class])
            for h in range(1, horizons + 1):
                part = of_class & (ahead == h)
                if rows.y[part].sum() >= 200:
                    size[c, h - 1] = dispersion(rows.y[part], mean[part])
        return size


def _joined(first: FeatureRows, second: FeatureRows) -> np.ndarray | None:
    return None if first.y is None or second.y is None else np.r_[first.y, second.y]


class NegativeBinomialGlm(_Model):
    """A negative binomial regression with logarithmic link for each class (Hilbe 2011), by reweighted least squares."""

    name = "negative binomial GLM"

    def learn(self, rows: FeatureRows) -> None:
        """Fit the coefficients of each class."""
        self.coefficients_, self.scale_ = {}, rows.X.std(axis=0) + 1e-6
        self.centre_ = rows.X.mean(axis=0)
        for c in range(self.n_classes_):
            part = rows.X[:, 0] == c
            if rows.y is not None and part.any():
                self.coefficients_[c] = _negative_binomial_fit(
                    self._design(rows.X[part]), rows.y[part], rows.base[part]
                )

    def mean(self, rows: FeatureRows) -> np.ndarray:
        """Return the mean of each row, at most ten times its level: a line goes on where no row ever was."""
        linear = rows.base.copy()
        for c, beta in self.coefficients_.items():
            part = rows.X[:, 0] == c
            linear[part] += np.clip(self._design(rows.X[part]) @ beta, -np.log(10), np.log(10))
        return np.asarray(np.exp(linear))

    def _design(self, X: np.ndarray) -> np.ndarray:
        standard = np.clip((X[:, 1:] - self.centre_[1:]) / self.scale_[1:], -4, 4)
        return np.column_stack([np.ones(len(X)), standard])


def _negative_binomial_fit(X: np.ndarray, y: np.ndarray, offset: np.ndarray, rounds: int = 8) -> np.ndarray:
    """Fit by iteratively reweighted least squares with a small ridge; the size is learned between the rounds."""
    beta, size = np.zeros(X.shape[1]), LARGEST_SIZE
    ridge = np.eye(X.shape[1]) * 1e-3 * len(X)
    ridge[0, 0] = 0.0
    for turn in range(rounds):
        mu = np.exp(np.clip(offset + X @ beta, -12, 8))
        weight = mu / (1 + mu / size)
        step = np.linalg.solve((X.T * weight) @ X + ridge, X.T @ (weight * (y - mu) / mu) - ridge @ beta)
        beta = beta + np.clip(step, -1, 1)
        if turn in (2, 5):
            size = dispersion(y, mu)
    return beta


class BoostedCounts(_Model):
    """LightGBM that begins at each area's level; Tweedie's loss minds large counts less than Poisson's."""

    def __init__(self, objective: str, seed: int, threads: int = 0) -> None:
        self.name = f"LightGBM {objective.capitalize()}"
        self.objective, self.seed, self.threads = objective, seed, threads

    def learn(self, rows: FeatureRows) -> None:
        """Grow the trees."""
        import lightgbm

        data = lightgbm.Dataset(rows.X, rows.y, init_score=rows.base, categorical_feature=[0], free_raw_data=True)
        self.booster_ = lightgbm.train(
            {
                "objective": self.objective,
                "tweedie_variance_power": 1.2,
                "learning_rate": LEARNING_RATE,
                "num_leaves": LEAVES,
                "min_data_in_leaf": 200,
                "lambda_l2": 5.0,
                "feature_fraction": 0.7,
                "max_bin": 63,
                "seed": self.seed,
                "deterministic": True,
                "force_row_wise": True,
                "num_threads": self.threads,
                "verbosity": -1,
            },
            data,
            num_boost_round=ROUNDS,
        )

    def mean(self, rows: FeatureRows) -> np.ndarray:
        """Return the mean of each row."""
        return np.asarray(np.exp(rows.base + self.booster_.predict(rows.X, raw_score=True)))

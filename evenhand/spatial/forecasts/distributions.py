"""Distributions of counts as cumulative probabilities F(0), F(1), ... F(K), one row for each forecast."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

LARGEST_SIZE = 1e6  # of a negative binomial: as good as a Poisson


def negative_binomial(mean: np.ndarray, size: np.ndarray | float, largest: int) -> np.ndarray:
    """Return F(0..largest) of negative binomials with variance ``mean + mean**2 / size``.

    Parameters
    ----------
    mean : ndarray of float, shape (n,)
    size : ndarray of float, shape (n,), or float
    largest : int

    Returns
    -------
    ndarray of float32, shape (n, largest + 1)
        The last column is 1.

    Examples
    --------
    >>> [f"{p:.3f}" for p in negative_binomial(np.array([1.0]), 1e6, 3)[0]]  # a Poisson
    ['0.368', '0.736', '0.920', '1.000']
    """
    mu = np.maximum(np.asarray(mean, dtype=float), 1e-9)[:, None]
    r = np.broadcast_to(np.minimum(np.asarray(size, dtype=float), LARGEST_SIZE).reshape(-1, 1), mu.shape)
    log_zero = r * (np.log(r) - np.log(r + mu))
    k = np.arange(1, largest + 1)
    # P(k) / P(k - 1) = (k - 1 + r) / k * mu / (r + mu)
    steps = np.log((k - 1 + r) / k) + np.log(mu / (r + mu))
    log_mass = np.concatenate([log_zero, log_zero + np.cumsum(steps, axis=1)], axis=1)
    below = np.cumsum(np.exp(log_mass), axis=1)
    below[:, -1] = 1.0
    return np.minimum(below, 1.0).astype(np.float32)


def empirical(samples: np.ndarray, largest: int) -> np.ndarray:
    """Return F(0..largest) of the empirical distribution of each row.

    Parameters
    ----------
    samples : ndarray of int, shape (n, n_samples)
    largest : int

    Returns
    -------
    ndarray of float32, shape (n, largest + 1)
    """
    n, m = samples.shape
    flat = np.arange(n)[:, None] * (largest + 1) + np.clip(samples, 0, largest)
    mass = np.bincount(flat.ravel(), minlength=n * (largest + 1)).reshape(n, largest + 1)
    return (np.cumsum(mass, axis=1) / m).astype(np.float32)


def quantiles(below: np.ndarray, levels: np.ndarray | float) -> np.ndarray:
    """Return the smallest count whose cumulative probability reaches a level.

    Parameters
    ----------
    below : ndarray of float, shape (n, largest + 1)
    levels : ndarray of float, shape (n,), or float

    Returns
    -------
    ndarray of int, shape (n,)
    """
    wanted = np.broadcast_to(np.asarray(levels, dtype=float), len(below))[:, None]
    return np.asarray((below < wanted - 1e-9).sum(axis=1))


def dispersion(observed: np.ndarray, mean: np.ndarray) -> float:
    """Return the size of a negative binomial by maximum likelihood, given the means.

    Parameters
    ----------
    observed, mean : ndarray, shape (n,)

    Returns
    -------
    float
        ``LARGEST_SIZE`` where the counts vary no more than a Poisson does.
    """
    from scipy.optimize import minimize_scalar

    y, mu = np.asarray(observed, dtype=float), np.maximum(np.asarray(mean, dtype=float), 1e-9)

    def loss(log_size: float) -> float:
        r = np.exp(log_size)
        likelihood = gammaln(y + r) - gammaln(r) + r * np.log(r / (r + mu)) + y * np.log(mu / (r + mu))
        return -float(likelihood.sum())

    found = minimize_scalar(loss, bounds=(np.log(0.05), np.log(1e4)), method="bounded", options={"xatol": 0.02})
    return LARGEST_SIZE if found.x > np.log(5e3) else float(np.exp(found.x))

"""Draws of a bootstrap: rows class by class, or whole blocks of rows that depend on each other.

The order of the rows makes no difference: what is drawn is cells of the joint table, blocks with the same content as
one kind, or rows that are sorted first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

FEWEST_BLOCKS = 20  # with fewer, draws show too little of how blocks differ (Cameron, Gelbach & Miller 2008)
WEIGHTS_AT_ONCE = 1_000_000
KINDS_AT_ONCE = 20_000_000  # draws x kinds of blocks held at once


def block_codes(blocks: np.ndarray) -> np.ndarray:
    """Return the number of each block, 0, 1, 2 ...; a row whose block is unknown (negative) is one of its own.

    Examples
    --------
    >>> block_codes(np.array([7, -1, 7, -1])).tolist()
    [0, 1, 0, 2]
    """
    unknown = blocks < 0
    own = np.where(unknown, blocks.max(initial=0) + np.cumsum(unknown), blocks)
    return np.asarray(np.unique(own, return_inverse=True)[1])


def row_confusions(
    y: np.ndarray, predicted: Sequence[np.ndarray], k: int, resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw rows class by class, with rows that agree in truth and predictions as one cell.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
    predicted : sequence of ndarray of int, shape (n,)
        Of each model.
    k, resamples : int
    rng : Generator

    Returns
    -------
    ndarray, shape (models, 1 + resamples, k, k)
        Confusions; those of the rows as they are first.
    """
    counts = np.zeros((len(predicted), 1 + resamples, k, k))
    for truth in np.unique(y):
        cells, size = _cells([codes[y == truth] for codes in predicted], k)
        drawn = np.vstack([size, rng.multinomial(size.sum(), size / size.sum(), size=resamples)])
        for model, codes in enumerate(cells):
            counts[model, :, truth] = drawn @ np.eye(k)[codes]
    return counts


def block_counts(
    cells: Sequence[np.ndarray], n_cells: int, blocks: np.ndarray, resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw whole blocks, and count the rows in each cell.

    Parameters
    ----------
    cells : sequence of ndarray of int, shape (n,)
        Of each model: the cell of every row, such as truth * K + prediction.
    n_cells : int
    blocks : ndarray of int, shape (n,)
        Of :func:`block_codes`.
    resamples : int
    rng : Generator

    Returns
    -------
    ndarray, shape (models, 1 + resamples, n_cells)
        The rows as they are first.
    """
    kinds, size = _kinds(cells, n_cells, blocks)
    tables = [
        np.stack([np.bincount(kind[:, model], minlength=n_cells) for kind in kinds]) for model in range(len(cells))
    ]
    n, found = int(size.sum()), [np.stack([size @ table for table in tables])[:, None].astype(float)]
    step = max(1, KINDS_AT_ONCE // len(size))
    for start in range(0, resamples, step):
        times = rng.multinomial(n, size / n, size=min(step, resamples - start)).astype(float)
        found.append(np.stack([times @ table for table in tables]))
    return np.concatenate(found, axis=1)


def row_weights(y: np.ndarray, resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield how often each row is drawn, class by class, in chunks of shape (n, draws); ``y`` is sorted."""
    yield np.ones((len(y), 1), dtype=np.int32)
    sizes = np.bincount(y)
    for draws in _chunks(len(y), resamples):
        yield np.vstack([_drawn(size, draws, rng) for size in sizes if size])


def block_weights(blocks: np.ndarray, resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield how often each row is drawn with its block, in chunks of shape (n, draws); numbers as rows begin blocks."""
    yield np.ones((len(blocks), 1), dtype=np.int32)
    _, first, codes = np.unique(blocks, return_index=True, return_inverse=True)
    in_order = np.argsort(np.argsort(first))[codes]
    for draws in _chunks(len(blocks), resamples):
        yield _drawn(len(first), draws, rng)[in_order]


def _chunks(n: int, resamples: int) -> Iterator[int]:
    step = max(1, WEIGHTS_AT_ONCE // n)
    for start in range(0, resamples, step):
        yield min(step, resamples - start)


def _drawn(size: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    picks = rng.integers(0, size, size=(size, draws)) * draws + np.arange(draws)
    return np.bincount(picks.ravel(), minlength=size * draws).reshape(size, draws).astype(np.int32)


def _cells(predicted: Sequence[np.ndarray], k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the combinations of classes that occur, shape (models, cells), in order, and how often each does."""
    if k ** len(predicted) > WEIGHTS_AT_ONCE:
        return np.unique(np.stack(predicted), axis=1, return_counts=True)
    shape = (k,) * len(predicted)
    counts = np.bincount(np.ravel_multi_index(tuple(predicted), shape), minlength=k ** len(predicted))
    held = np.flatnonzero(counts)
    return np.stack(np.unravel_index(held, shape)), counts[held]


def _kinds(cells: Sequence[np.ndarray], n_cells: int, blocks: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the cells of each kind of block, shape (rows of the block, models), in order, and how often it occurs."""
    joint = np.zeros(len(blocks), dtype=np.int64)
    for cell in cells:
        joint = joint * n_cells + cell
    order = np.lexsort((joint, blocks))
    # Big-endian, so that the bytes sort like the numbers.
    ranked, ends = joint[order].astype(">i8"), np.cumsum(np.bincount(blocks))
    count = Counter(part.tobytes() for part in np.split(ranked, ends[:-1]))
    kinds = sorted(count)
    decoded = [
        np.stack(np.unravel_index(np.frombuffer(kind, dtype=">i8").astype(np.int64), (n_cells,) * len(cells)), axis=1)
        for kind in kinds
    ]
    return decoded, np.array([count[kind] for kind in kinds])

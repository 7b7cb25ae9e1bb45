"""New rows of the smaller classes, made from texts with words left out and swapped."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evenhand.features.text_columns import TrainingTexts, texts_of
from evenhand.problem import TextAugmentStrategy
from evenhand.strategies.class_targets import over_targets
from evenhand.strategies.random_sampling import UNCHANGED
from evenhand.strategies.training_rows import CannotResample, TrainingRows


def altered(words: list[str], dropout: float, swap: float, generator: np.random.Generator) -> list[str]:
    """Leave out and swap words; at least one of the two happens, and at least one word is left.

    Parameters
    ----------
    words : list of str
        With fewer than two words, they are returned unchanged.
    dropout : float
        Probability that a word is left out.
    swap : float
        Number of swaps as a share of the number of words.
    generator : Generator

    Examples
    --------
    >>> altered("bike stolen from the yard".split(), 0.0, 0.2, np.random.default_rng(0))
    ['bike', 'stolen', 'from', 'yard', 'the']
    """
    if len(words) < 2:
        return list(words)
    left = list(words)
    for _ in range(max(1, round(swap * len(left))) if swap > 0 else 0):
        i, j = generator.choice(len(left), 2, replace=False)
        left[i], left[j] = left[j], left[i]
    if dropout > 0:
        stays = generator.random(len(left)) >= dropout
        if stays.all() and swap == 0:
            stays[generator.integers(len(left))] = False
        if not stays.any():
            stays[generator.integers(len(left))] = True
        left = [word for word, kept in zip(left, stays, strict=True) if kept]
    return left


def text_augment(
    strategy: TextAugmentStrategy,
    X: np.ndarray,
    y: np.ndarray,
    classes: Sequence[str],
    seed: int,
    texts: TrainingTexts | None,
) -> TrainingRows:
    """Grow the smaller classes by copies of their rows with altered texts; all other columns stay as they are.

    Rows whose texts have fewer than two words are not copied.

    Parameters
    ----------
    strategy : TextAugmentStrategy
    X : ndarray of shape (n_rows, n_features)
        Encoded columns, those of the texts last.
    y : ndarray of int, shape (n_rows,)
    classes : sequence of str
    seed : int
    texts : TrainingTexts or None
        Texts of the same rows.

    Raises
    ------
    CannotResample
        When the feature set has no text column, or no class that is to grow has a text of two words.
    """
    if texts is None:
        raise CannotResample(f"{strategy.name}: the feature set has no text column")
    targets = over_targets(strategy.ratio, np.bincount(y, minlength=len(classes)), classes)
    if not targets:
        return TrainingRows(X, y, np.arange(len(y)), adaptations=(UNCHANGED,), given=X)
    cells = {column: [text.split() for text in texts_of(texts.frame[[column]])] for column in texts.frame}
    alterable = np.array([[len(words) > 1 for words in column] for column in cells.values()]).any(axis=0)
    generator = np.random.default_rng(seed)
    starts = [_starts(np.flatnonzero((y == code) & alterable), code, y, n, generator) for code, n in targets.items()]
    bare = [classes[code] for code, rows in zip(targets, starts, strict=True) if len(rows) == 0]
    if len(bare) == len(targets):
        raise CannotResample(f"{strategy.name}: no row of {', '.join(bare)} has a text of two words")
    start = np.concatenate(starts)
    changes = (strategy.dropout, strategy.swap, generator)
    fresh = pd.DataFrame({c: [" ".join(altered(words[row], *changes)) for row in start] for c, words in cells.items()})
    made, encoded = X[start], texts.encoded(fresh)
    made[:, -encoded.shape[1] :] = encoded
    source = np.concatenate([np.arange(len(y)), start])
    notes = tuple(f"{name}: no row has a text of two words; the class is not grown" for name in bare)
    rows = np.vstack([X, made])
    return TrainingRows(rows, y[source], source, adaptations=notes, n_synthetic=len(start), given=X)


def _starts(rows: np.ndarray, code: int, y: np.ndarray, target: int, generator: np.random.Generator) -> np.ndarray:
    """Draw the rows to copy, each equally often as far as the numbers allow."""
    n = target - int((y == code).sum()) if len(rows) else 0
    return np.resize(generator.permutation(rows), n)

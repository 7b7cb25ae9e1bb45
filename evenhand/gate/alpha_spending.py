"""Alpha-spending: each further evaluation on the same held-out rows must clear a stricter level.

With enough challengers on the same rows, one passes by chance. The k-th evaluation therefore has the error rate
alpha / (k (k + 1)), which adds up to less than alpha over any number of evaluations: the Bonferroni inequality for a
list of tests whose length is not known in advance (Foster & Stine 2008; Tian & Ramdas 2021, section 2).
"""

from __future__ import annotations


def evaluation_confidence(confidence: float, evaluation: int) -> float:
    """Return the confidence of the intervals of an evaluation.

    Parameters
    ----------
    confidence : float
        Of all evaluations together, between 0 and 1.
    evaluation : int
        Number of the evaluation on these rows, from 1.

    Returns
    -------
    float
        Closer to 1 with each evaluation, so that intervals get wider.

    Raises
    ------
    ValueError
        When ``evaluation`` is less than 1.

    Examples
    --------
    >>> [round(evaluation_confidence(0.95, number), 4) for number in (1, 2, 3)]
    [0.975, 0.9917, 0.9958]
    """
    if evaluation < 1:
        raise ValueError(f"evaluations are numbered from 1, found {evaluation}")
    return 1 - (1 - confidence) / (evaluation * (evaluation + 1))

"""What it costs to judge on the same held-out rows again: the error rate is spent look by look.

With enough tries on the same rows some challenger passes by luck. The k-th look therefore runs at the error rate
alpha / (k (k + 1)), which adds up to less than alpha over any number of looks: alpha-spending, the Bonferroni
inequality for a list of tests that is not known in advance (Foster & Stine 2008; Tian & Ramdas 2021, section 2).
"""

from __future__ import annotations


def evaluation_confidence(confidence: float, look: int) -> float:
    """Tell at which confidence the intervals of a look are made.

    Parameters
    ----------
    confidence : float
        Of all looks together, between 0 and 1.
    look : int
        Which look at these rows it is, from 1.

    Returns
    -------
    float
        Closer to 1 with every look, so that intervals get wider.

    Raises
    ------
    ValueError
        When there is no such look.

    Examples
    --------
    >>> [round(evaluation_confidence(0.95, look), 4) for look in (1, 2, 3)]
    [0.975, 0.9917, 0.9958]
    """
    if look < 1:
        raise ValueError(f"looks are counted from 1, found {look}")
    return 1 - (1 - confidence) / (look * (look + 1))

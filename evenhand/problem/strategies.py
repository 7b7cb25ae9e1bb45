"""Imbalance strategies as a problem declares them, and all of them in one list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import BeforeValidator, Field

from evenhand.problem.common import as_kind
from evenhand.problem.neighbour_strategies import (
    AdasynStrategy,
    BorderlineSmoteStrategy,
    EnnStrategy,
    NearMissStrategy,
    SmoteEnnStrategy,
    SmoteStrategy,
    SmoteTomekStrategy,
    TomekStrategy,
)
from evenhand.problem.simple_strategies import (
    CappedStrategy,
    CostWeightStrategy,
    EffectiveNumberStrategy,
    RoseStrategy,
    SimpleStrategy,
)
from evenhand.problem.text import TextAugmentStrategy

AnyStrategy = (
    SimpleStrategy
    | EffectiveNumberStrategy
    | CostWeightStrategy
    | RoseStrategy
    | CappedStrategy
    | SmoteStrategy
    | BorderlineSmoteStrategy
    | AdasynStrategy
    | NearMissStrategy
    | TomekStrategy
    | EnnStrategy
    | SmoteTomekStrategy
    | SmoteEnnStrategy
    | TextAugmentStrategy
)
Strategy = Annotated[Annotated[AnyStrategy, Field(discriminator="kind")], BeforeValidator(as_kind)]

# Every strategy that needs no knowledge of the problem (cost weights do) and no text. The caps bound the
# cost on large data.
FULL: tuple[AnyStrategy, ...] = (
    SimpleStrategy(kind="none"),
    SimpleStrategy(kind="class_weight"),
    SimpleStrategy(kind="sqrt_weight"),
    EffectiveNumberStrategy(kind="effective_number"),
    SimpleStrategy(kind="random_over"),
    SimpleStrategy(kind="random_over", ratio=0.5),
    SimpleStrategy(kind="random_under"),
    SimpleStrategy(kind="random_under", ratio=0.5),
    CappedStrategy(kind="capped", cap=20_000),
    RoseStrategy(kind="rose"),
    SmoteStrategy(kind="smote", max_rows=200_000),
    SmoteStrategy(kind="smote", max_rows=200_000, standardise=True, label="smote standardised"),
    SmoteStrategy(kind="smotenc", max_rows=200_000, standardise=True),
    BorderlineSmoteStrategy(kind="borderline_smote", max_rows=20_000),
    AdasynStrategy(kind="adasyn", max_rows=20_000),
    NearMissStrategy(kind="near_miss", version=1, max_rows=20_000),
    NearMissStrategy(kind="near_miss", version=2, max_rows=20_000),
    NearMissStrategy(kind="near_miss", version=3, max_rows=20_000),
    TomekStrategy(kind="tomek", max_rows=20_000),
    EnnStrategy(kind="enn", max_rows=20_000),
    SmoteTomekStrategy(kind="smote_tomek", max_rows=20_000),
    SmoteEnnStrategy(kind="smote_enn", max_rows=20_000),
)


def named_classes(strategy: AnyStrategy) -> Iterator[tuple[str, str]]:
    """Yield every class that a strategy names, with the key that names it.

    Examples
    --------
    >>> list(named_classes(SimpleStrategy(kind="random_over", ratio={"Robbery": 0.5})))
    [('ratio', 'Robbery')]
    """
    for key in ("per_class", "ratio", "costs"):
        named = getattr(strategy, key, None)
        if isinstance(named, dict):
            yield from ((key, name) for name in named)
            yield from ((key, name) for row in named.values() if isinstance(row, dict) for name in row)

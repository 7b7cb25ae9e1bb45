"""Text columns as a problem declares them, and the strategy that makes new rows from them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from evenhand.problem.common import Frozen
from evenhand.problem.simple_strategies import NamedStrategy, Ratio


def as_text(value: Any) -> Any:
    """Accept the name alone for a text column."""
    return {"column": value} if isinstance(value, str) else value


class TextFeature(Frozen):
    """Free text: weights of its terms (TF-IDF, Spaerck Jones 1972), folded into topics (Deerwester et al. 1990).

    Topics describe most rows. The terms that separate the classes best (chi-squared, Yang & Pedersen 1997) are columns
    of their own: a word that occurs in a rare class only would be lost in topics.
    """

    column: str
    words: Literal[1, 2] = Field(default=2, description="2: pairs of neighbouring words are terms, too")
    min_count: int = Field(default=5, ge=1, description="rows that a term needs to be read")
    max_features: int = Field(default=5_000, ge=10, le=100_000, description="terms read, the most frequent first")
    components: int = Field(default=50, ge=1, le=500, description="topics; fewer terms are columns themselves")
    top_terms: int = Field(default=50, ge=0, le=500, description="terms that discriminate the classes best, as columns")


class TextAugmentStrategy(NamedStrategy):
    """Copies with words left out and swapped (EDA, Wei & Zou 2019)."""

    kind: Literal["text_augment"]
    dropout: float = Field(default=0.1, ge=0, lt=1, description="share of the words left out")
    swap: float = Field(default=0.1, ge=0, le=1, description="share of the words that change places with another")
    ratio: Ratio | None = None

    @model_validator(mode="after")
    def _something(self) -> TextAugmentStrategy:
        if self.dropout == 0 and self.swap == 0:
            raise ValueError("dropout and swap are both 0, which changes nothing")
        return self

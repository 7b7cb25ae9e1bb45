"""Recipes: what is known of the columns of well-known portals; data files in ``recipes/``, which only pre-fill."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import yaml
from pydantic import BaseModel, ConfigDict, Field

from evenhand.proposal.roles import Assigned


class RecipeTime(BaseModel):
    """The column that says when a case happened, and the formats that the portal has had."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    format: str | tuple[str, ...] | None = None


class Recipe(BaseModel):
    """What is known of a portal's columns; every key but ``title`` and ``columns`` may be absent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    columns: tuple[str, ...] = Field(min_length=5, description="by which it is recognised: a file has all of them")
    licence: str | None = None
    time: RecipeTime | None = None
    time_zone: str | None = None
    duplicates: str | None = None
    group: str | None = Field(default=None, description="whose rows are one incident")
    leak: dict[str, str] = {}
    out: dict[str, str] = {}
    sensitive: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()

    def assigned(self, names: Sequence[str]) -> dict[str, Assigned]:
        """Return the roles of the columns that a file has, by its own spelling of their names."""
        found: dict[str, Assigned] = {}
        for role, about in (("leak", self.leak), ("out", self.out)):
            for name, why in about.items():
                found |= {own: Assigned(role, why) for own in matching([name], names)}  # type: ignore[arg-type]
        for own in matching(self.sensitive, names):
            found[own] = Assigned("sensitive", "about who somebody is: left out unless you ask for it")
        found |= {own: Assigned("categorical", "as the recipe says") for own in matching(self.categorical, names)}
        return found | {own: Assigned("numeric", "as the recipe says") for own in matching(self.numeric, names)}


@cache
def recipes() -> tuple[Recipe, ...]:
    """Read the recipes of the package."""
    folder = files("evenhand.proposal") / "recipes"
    found = sorted((each for each in folder.iterdir() if each.name.endswith(".yaml")), key=lambda each: each.name)
    return tuple(Recipe.model_validate(yaml.safe_load(each.read_text(encoding="utf-8"))) for each in found)


def find_recipe(names: Sequence[str]) -> Recipe | None:
    """Return the recipe all of whose columns a file has; of several, the one that names most.

    Examples
    --------
    >>> names = ["Crime ID", "month", "falls_within", "LSOA code", "Crime type", "Last outcome category", "Context"]
    >>> find_recipe(names).title
    'Street-level crime of data.police.uk'
    """
    found = [each for each in recipes() if len(matching(each.columns, names)) == len(each.columns)]
    return max(found, key=lambda each: len(each.columns), default=None)


def matching(wanted: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the names that are one of the wanted ones, whatever their case and the signs between their words."""
    keys = {_key(name): name for name in reversed(names)}
    return [keys[_key(name)] for name in wanted if _key(name) in keys]


def _key(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())

"""Categories that police work discovers: where they are recorded shows where police looked.

A patrol that follows a map of such records makes more of them there (Lum & Isaac 2016; Ensign et al. 2018). So these
categories get no hotspots unless the problem names them with a reason, which the page repeats.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Beginnings of words, in lower case. Each names an offence that is on record because an officer stopped, searched or
# watched somebody, not because a victim or a witness reported it.
WORDS = (
    "drug",
    "narcotic",
    "cannabis",
    "marijuana",
    "cocaine",
    "heroin",
    "opioid",
    "controlled substance",
    "weapon",  # as in possession of weapons, weapons violation; an assault with a weapon is reported: see REPORTED
    "prostitution",
    "solicit",
    "sex work",
    "gambling",
    "vagran",
    "loiter",
    "trespass",
    "liquor",
    "drunk",
    "disorderly",
    "impaired driv",
    "driving under",
    "dui",
    "immigration",
    "curfew",
    "resist",
    "obstruct",
    "stop and search",
    "possession",
)
# A name with one of these is of an offence against somebody, who reports it, whatever else is in the name.
REPORTED = ("assault", "robber", "homicide", "murder", "burglar", "theft", "shooting", "rape", "wounding", "kidnap")

LISTED = "listed"  # in the place of a word: the problem names the category


@dataclass(frozen=True)
class HotspotRefusal:
    """A category without hotspots, and the word that it was found by."""

    klass: str
    word: str

    @property
    def text(self) -> str:
        """Say so to the reader."""
        why = "The problem refuses it" if self.word == LISTED else f"Its name has {self.word!r}"
        return (
            f"{self.klass}: no map and no hotspots. {why}; such offences are recorded where police look for them, so a "
            "map of them sends patrols back to where they were. Name it under analysis.discovered with a reason to "
            "have it all the same."
        )


def refusals(classes: Sequence[str], allowed: Mapping[str, str], refused: Sequence[str]) -> tuple[HotspotRefusal, ...]:
    """Find the categories that get no hotspots.

    Parameters
    ----------
    classes : sequence of str
    allowed : mapping of str to str
        Category -> the reason why it gets hotspots all the same.
    refused : sequence of str
        Categories that the problem adds to the words.

    Examples
    --------
    >>> [one.klass for one in refusals(["Drugs", "Assault with a weapon", "Possession of weapons"], {}, [])]
    ['Drugs', 'Possession of weapons']
    """
    found = []
    for klass in classes:
        word = LISTED if klass in refused else _word(klass)
        if word is not None and klass not in allowed:
            found.append(HotspotRefusal(klass, word))
    return tuple(found)


def _word(klass: str) -> str | None:
    name = " ".join(re.findall(r"[^\W_]+", klass.casefold()))
    if any(re.search(rf"\b{word}", name) for word in REPORTED):
        return None
    return next((word for word in WORDS if re.search(rf"\b{word}", name)), None)

"""Names of people, compared so that two names that look alike are never taken for two people."""

from __future__ import annotations

import unicodedata

# Small letters of other scripts that look like a Latin one, from confusables.txt of Unicode Technical Standard 39.
_PAIRS = "аa ɑa αa еe οo оo рp ρp сc ϲc уy хx іi ιi јj ѕs ԁd ԛq ԝw һh νv υu օo սu հh ոn ցg"
_LOOK_ALIKE = {pair[0]: pair[1] for pair in _PAIRS.split()}


def clean_person_name(name: str) -> str:
    """Return a name in one form: NFKC, single spaces.

    Raises
    ------
    ValueError
        When the name is empty, has characters that can't be seen, or mixes letters of several scripts, as a name does
        that imitates another.

    Examples
    --------
    >>> clean_person_name("  Ann   Lee ")
    'Ann Lee'
    """
    cleaned = " ".join(unicodedata.normalize("NFKC", name).split())
    if not cleaned:
        raise ValueError("a name is needed; the given name is empty")
    hidden = [character for character in cleaned if unicodedata.category(character)[0] == "C"]
    if hidden:
        raise ValueError(f"the name {cleaned!r} has a character that can't be seen ({hidden[0]!r}): write it without")
    scripts = sorted({_script(character) for character in cleaned if character.isalpha()})
    if len(scripts) > 1:
        raise ValueError(f"the name {cleaned!r} mixes letters of {' and '.join(scripts)}: write it in one script")
    return cleaned


def name_key(name: str) -> str:
    """Return the same text for names that a reader would take for the same.

    Case makes no difference, and letters that look alike are one letter.

    Examples
    --------
    >>> name_key("Аnn") == name_key("ann")  # the first one begins with a Cyrillic letter
    True
    """
    folded = unicodedata.normalize("NFKC", name).casefold()
    return " ".join("".join(_LOOK_ALIKE.get(character, character) for character in folded).split())


def _script(character: str) -> str:
    """Return the script of a letter, which is the first word of its Unicode name."""
    word = unicodedata.name(character, "UNKNOWN").split()[0].removesuffix("-1")
    return "CJK" if word in {"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"} else word

"""Words in column names that say what a column may be; the list stands in ``docs/how-to/own-data.md``."""

from __future__ import annotations

import re

SENSITIVE = frozenset(
    [
        "race",
        "ethnicity",
        "ethnic",
        "sex",
        "gender",
        "age",
        "descent",
        "religion",
        "nationality",
        "citizenship",
        "disability",
        "dob",
        "birth",
        "birthdate",
        "surname",
        "firstname",
        "lastname",
        "forename",
        "phone",
        "email",
        "ssn",
    ]
)
PERSON = frozenset(
    [
        "victim",
        "vict",
        "vic",
        "suspect",
        "susp",
        "offender",
        "perpetrator",
        "perp",
        "officer",
        "complainant",
        "person",
        "driver",
    ]
)
AFTERWARDS = frozenset(
    [
        "outcome",
        "disposition",
        "arrest",
        "arrested",
        "arrests",
        "resolution",
        "resolved",
        "status",
        "cleared",
        "clearance",
        "closed",
        "closure",
        "close",
        "solved",
        "unfounded",
        "charge",
        "charges",
        "charged",
        "sentence",
        "sentenced",
        "conviction",
        "convicted",
        "verdict",
        "updated",
        "update",
        "modified",
        "edited",
        "edit",
    ]
)
IDENTIFIER = frozenset(
    ["id", "ids", "objectid", "fid", "gid", "oid", "uuid", "guid", "globalid", "rowid", "ogc", "key", "cartodb"]
)
NUMBERED = frozenset(["number", "no", "num", "nr", "nbr"])
OF_A_CASE = frozenset(
    [
        "case",
        "incident",
        "report",
        "record",
        "event",
        "complaint",
        "dr",
        "cad",
        "file",
        "occurrence",
        "row",
        "reference",
        "ref",
    ]
)
TIME = frozenset(["date", "datetime", "time", "timestamp", "dt", "tm", "day", "month", "on", "when", "epoch"])
OCCURRED = frozenset(
    [
        "occ",
        "occurred",
        "occurrence",
        "offence",
        "offense",
        "incident",
        "from",
        "fr",
        "begin",
        "happened",
        "committed",
        "event",
    ]
)
STARTED = frozenset(["start", "started"])
REPORTED = frozenset(
    [
        "report",
        "reported",
        "rptd",
        "rpt",
        "rept",
        "entered",
        "received",
        "created",
        "recorded",
        "dispatch",
        "opened",
        "posted",
    ]
)
ENDED = frozenset(["end", "ended", "to", "until"])
LATITUDE = frozenset(("lat", "latitude", "latitud", "breite", "breitengrad"))
LONGITUDE = frozenset(("lon", "lng", "long", "longitude", "longitud", "länge", "laenge", "längengrad"))
PROJECTED_X = frozenset(["x", "easting", "xcoord", "xcoordinate", "eastings"])
PROJECTED_Y = frozenset(["y", "northing", "ycoord", "ycoordinate", "northings"])
CODE = frozenset(
    [
        "district",
        "beat",
        "ward",
        "precinct",
        "zone",
        "area",
        "sector",
        "code",
        "cd",
        "type",
        "division",
        "tract",
        "zip",
        "postcode",
        "neighbourhood",
        "neighborhood",
        "hood",
        "psa",
        "class",
        "category",
        "grid",
        "region",
        "borough",
        "dist",
        "unit",
        "pct",
    ]
)


def words_of(header: str) -> tuple[str, ...]:
    """Split a column name into its words, in lower case.

    Examples
    --------
    >>> words_of("CMPLNT_FR_DT"), words_of("OccurredOnDate"), words_of("HOOD_158")
    (('cmplnt', 'fr', 'dt'), ('occurred', 'on', 'date'), ('hood', '158'))
    """
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", header)
    return tuple(word for word in re.split(r"[\W_]+", parted.casefold()) if word)


def is_sensitive(header: str) -> bool:
    """Whether a column is about who somebody is.

    Examples
    --------
    >>> [is_sensitive(name) for name in ("VIC_RACE", "Vict Age", "Victim Name", "name", "Street Name", "Agency")]
    [True, True, True, True, False, False]
    """
    words = set(words_of(header))
    named = "name" in words and (bool(words & PERSON) or words == {"name"} or bool(words & {"first", "last", "full"}))
    return bool(words & SENSITIVE) or named


def is_identifier(header: str) -> bool:
    """Whether a column's name is that of a number of rows or cases.

    Examples
    --------
    >>> [is_identifier(name) for name in ("OBJECTID", "Case Number", "DR_NO", "incident_id", "House Number")]
    [True, True, True, True, False]
    """
    words = set(words_of(header))
    return bool(words & IDENTIFIER) or bool(words & NUMBERED and words & OF_A_CASE)


def is_afterwards(header: str) -> bool:
    """Whether a column is mostly written once the class is known.

    Examples
    --------
    >>> [is_afterwards(name) for name in ("Last outcome category", "Arrest", "Updated On", "Location")]
    [True, True, True, False]
    """
    return bool(set(words_of(header)) & AFTERWARDS)


def has_word(header: str, words: frozenset[str]) -> bool:
    """Whether a column's name has one of the words.

    Examples
    --------
    >>> has_word("GEO_LAT", LATITUDE), has_word("Plate", LATITUDE), has_word("X Coordinate", PROJECTED_X)
    (True, False, True)
    """
    return any(re.sub(r"\d+$", "", word) in words for word in words_of(header))

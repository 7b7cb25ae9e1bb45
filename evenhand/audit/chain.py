"""The ledger of a registered model: numbered records, each bound to the one before it by its hash.

A record's hash is the SHA-256 of the hash before it and the record's canonical JSON (Haber & Stornetta, 1991), so a
record that is changed, left out or put in later breaks the chain from there on. A tail that is cut off shows by the
head, the number and hash of the last record, which is kept elsewhere too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evenhand.errors import GateError

Kind = Literal[
    "registration",
    "verdict",
    "request",
    "approval",
    "rejection",
    "expiry",
    "void",
    "promotion",
    "rollback",
    "out of band",
]
MOVES: tuple[Kind, ...] = ("promotion", "rollback", "out of band")
GENESIS = "0" * 64
DIGITS = 6  # of the name under which a record is kept, so that names sort as numbers


class LedgerError(GateError):
    """A ledger that can't be trusted or read."""


class Entry(BaseModel):
    """What a record says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    version: str = Field(description="the version it is about; empty when a champion was taken away")
    by: str = Field(default="", description="the person, where there is one")
    reason: str = ""
    facts: dict[str, str] = {}


class Record(Entry):
    """An entry in its place."""

    model: str = Field(description="name of the registered model")
    seq: int = Field(ge=1)
    at: str = Field(description="UTC, ISO 8601")
    id: str = Field(description="of this writing of it: two writers of the same words are two")
    previous: str
    hash: str


@dataclass(frozen=True)
class Head:
    """The last record, as noted outside of the ledger."""

    seq: int = 0
    hash: str = GENESIS

    def __str__(self) -> str:
        """Write it as :meth:`parse` reads it."""
        return f"{self.seq} {self.hash}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """Read it back; empty is the head of an empty ledger.

        Raises
        ------
        LedgerError
        """
        if not text:
            return cls()
        number, _, digest = text.partition(" ")
        if not number.isdecimal() or len(digest) != len(GENESIS):
            raise LedgerError(f"the head of the ledger is not a number and a hash: {text[:80]!r}")
        return cls(int(number), digest)

    @classmethod
    def of(cls, records: Sequence[Record]) -> Head:
        """Tell the head of a chain."""
        return cls(records[-1].seq, records[-1].hash) if records else cls()


@dataclass(frozen=True)
class Chain:
    """The records up to the first broken one, and what is wrong with that."""

    records: tuple[Record, ...]
    fault: str | None = None

    def sound(self) -> tuple[Record, ...]:
        """Return every record of a chain that is whole.

        Raises
        ------
        LedgerError
            Naming the first broken record.
        """
        if self.fault is not None:
            raise LedgerError(self.fault)
        return self.records


def canonical(content: object) -> str:
    """Write plain data in the one form that is hashed.

    Examples
    --------
    >>> canonical({"b": 1, "a": [2]})
    '{"a":[2],"b":1}'
    """
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha256(content: object) -> str:
    """Hash plain data."""
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def name_of(seq: int) -> str:
    """Name under which a record is kept."""
    return str(seq).zfill(DIGITS)


def link(records: Sequence[Record], model: str, entry: Entry, at: str, identifier: str) -> Record:
    """Give an entry its place after the records there are.

    Examples
    --------
    >>> first = link((), "evenhand-toronto", Entry(kind="registration", version="1"), "2026-11-20T08:00:00+00:00", "a")
    >>> second = link((first,), "evenhand-toronto", Entry(kind="promotion", version="1"), "2026-11-21", "b")
    >>> (second.seq, second.previous == first.hash)
    (2, True)
    """
    head = Head.of(records)
    body = {**entry.model_dump(), "model": model, "seq": head.seq + 1, "at": at, "id": identifier}
    return Record(**body, previous=head.hash, hash=_hash(head.hash, body))


def read_chain(model: str, kept: Mapping[str, str], head: Head) -> Chain:
    """Read and verify what is kept.

    Parameters
    ----------
    model : str
    kept : mapping of str to str
        Records as JSON by :func:`name_of`.
    head : Head
        As noted elsewhere. It may be behind, when a writer was killed, but what it names must be there.
    """
    records: list[Record] = []
    for place, name in enumerate(sorted(kept), start=1):
        fault = f"record {place} is missing" if name != name_of(place) else None
        record, fault = (None, fault) if fault else _read(model, kept[name], place, Head.of(records))
        if record is None:
            return Chain(tuple(records), f"the ledger of {model} is broken at record {place}: {fault}")
        records.append(record)
    if head.seq > len(records):
        missing = f"records {len(records) + 1} to {head.seq} are missing" if head.seq > len(records) + 1 else ""
        missing = missing or f"record {head.seq} is missing"
        return Chain(tuple(records), f"the ledger of {model} is cut: its head names record {head.seq}, {missing}")
    if head.seq and records[head.seq - 1].hash != head.hash:
        fault = f"the ledger of {model} is broken at record {head.seq}: its hash is not the one that the head names"
        return Chain(tuple(records[: head.seq - 1]), fault)
    return Chain(tuple(records))


def _read(model: str, text: str, place: int, before: Head) -> tuple[Record | None, str]:
    try:
        record = Record.model_validate_json(text)
    except ValidationError:
        return None, "it can't be read"
    if record.model != model or record.seq != place:
        return None, f"it is record {record.seq} of {record.model}"
    if record.previous != before.hash:
        return None, "it does not follow the record before it"
    if record.hash != _hash(before.hash, record.model_dump(exclude={"previous", "hash"})):
        return None, "it was changed"
    return record, ""


def _hash(previous: str, body: Mapping[str, object]) -> str:
    return hashlib.sha256((previous + canonical(body)).encode()).hexdigest()

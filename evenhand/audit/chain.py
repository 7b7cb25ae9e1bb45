"""The ledger of a registered model: numbered records, each with the hash of the one before it.

A record's hash is the SHA-256 of the previous hash and the record's canonical JSON (Haber & Stornetta, 1991), so a
record that is changed, removed or inserted later breaks the chain from there on. The head, which is the number and hash
of the last record, is also stored outside the ledger, so a truncated ledger is detected as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evenhand.errors import GateError

Kind = Literal[
    "seal",
    "registration",
    "evaluation",
    "verdict",
    "request",
    "approval",
    "rejection",
    "expiry",
    "void",
    "promotion",
    "rollback",
    "out of band",
    "unwitnessed",
    # Of the monitor; they decide nothing about a champion.
    "alarm",
    "training",
    "outcome",
]
ALIAS_MOVES: tuple[Kind, ...] = ("promotion", "rollback")
GENESIS = "0" * 64
DIGITS = 6  # of a record's name, zero-padded so that names sort in the order of their numbers


class LedgerError(GateError):
    """The ledger is broken, missing or unreadable."""


class RecordBody(BaseModel):
    """The content of a record, before it is added to a chain."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    version: str = Field(description="version of the model; empty when the alias was deleted")
    by: str = Field(default="", description="who decided; empty when no person did")
    reason: str = ""
    facts: dict[str, str] = {}


class Record(RecordBody):
    """A record of the chain."""

    model: str = Field(description="name of the registered model")
    seq: int = Field(ge=1)
    at: str = Field(description="UTC, ISO 8601")
    id: str = Field(description="unique for each attempt to write, so that two writers of equal content differ")
    previous: str
    hash: str

    def fact(self, name: str) -> str:
        """Return a fact that every record of this kind has.

        Raises
        ------
        LedgerError
            When this one lacks it, so that something else than this program has written it.
        """
        try:
            return self.facts[name]
        except KeyError:
            raise self._fault(f"lacks the fact {name!r}") from None

    def list_fact(self, name: str) -> list[Any]:
        """Return a fact that is a JSON list; an empty list where the record has no such fact.

        Raises
        ------
        LedgerError
            When it is none.
        """
        try:
            found = json.loads(self.facts.get(name, "[]"))
        except ValueError:
            found = None
        if not isinstance(found, list):
            raise self._fault(f"has no list as its fact {name!r}")
        return found

    def _fault(self, fault: str) -> LedgerError:
        return LedgerError(f"record {self.seq} of the ledger of {self.model}, a {self.kind}, {fault}")


@dataclass(frozen=True)
class Head:
    """Number and hash of the last record, as stored outside the ledger."""

    seq: int = 0
    hash: str = GENESIS

    def __str__(self) -> str:
        """Return the text that :meth:`parse` reads."""
        return f"{self.seq} {self.hash}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """Parse a head; an empty text is the head of an empty ledger.

        Raises
        ------
        LedgerError
            When the text is not a number and a hash.
        """
        if not text:
            return cls()
        number, _, digest = text.partition(" ")
        if not number.isdecimal() or len(digest) != len(GENESIS):
            raise LedgerError(f"the head of the ledger is not a number and a hash: {text[:80]!r}")
        return cls(int(number), digest)

    @classmethod
    def of(cls, records: Sequence[Record]) -> Head:
        """Return the head of a chain."""
        return cls(records[-1].seq, records[-1].hash) if records else cls()


@dataclass(frozen=True)
class Chain:
    """The records before the first broken one, and what is wrong with that one."""

    records: tuple[Record, ...]
    fault: str | None = None
    written: frozenset[str] = frozenset()
    """Hashes of the records that the witness has as written by a process of its own."""

    def verified(self) -> tuple[Record, ...]:
        """Return all records of an unbroken chain.

        Raises
        ------
        LedgerError
            When the chain is broken; the message names the first broken record.
        """
        if self.fault is not None:
            raise LedgerError(self.fault)
        return self.records


def canonical_json(content: object) -> str:
    """Serialise plain data in the form that is hashed: sorted keys, no spaces.

    Examples
    --------
    >>> canonical_json({"b": 1, "a": [2]})
    '{"a":[2],"b":1}'
    """
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha256(content: object) -> str:
    """Return the SHA-256 of plain data, hexadecimal."""
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def record_name(seq: int) -> str:
    """Name under which a record is stored."""
    return str(seq).zfill(DIGITS)


def next_record(records: Sequence[Record], model: str, body: RecordBody, at: str, identifier: str) -> Record:
    """Return the record that follows the existing ones, with its number and hash.

    Examples
    --------
    >>> registration = RecordBody(kind="registration", version="1")
    >>> first = next_record((), "evenhand-toronto", registration, "2026-11-20T08:00:00+00:00", "a")
    >>> promotion = RecordBody(kind="promotion", version="1")
    >>> second = next_record((first,), "evenhand-toronto", promotion, "2026-11-21T08:00:00+00:00", "b")
    >>> (second.seq, second.previous == first.hash)
    (2, True)
    """
    head = Head.of(records)
    content = {**body.model_dump(), "model": model, "seq": head.seq + 1, "at": at, "id": identifier}
    return Record(**content, previous=head.hash, hash=_hash(head.hash, content))


def read_chain(model: str, stored: Mapping[str, str], head: Head) -> Chain:
    """Read and verify the stored records of a ledger.

    Parameters
    ----------
    model : str
    stored : mapping of str to str
        Records as JSON, by :func:`record_name`.
    head : Head
        As stored outside the ledger. It may be older than the last record, when a writer was killed, but the record it
        names must exist.
    """
    records: list[Record] = []
    for seq, name in enumerate(sorted(stored), start=1):
        fault = f"record {seq} is missing" if name != record_name(seq) else None
        record, fault = (None, fault) if fault else _read(model, stored[name], seq, Head.of(records))
        if record is None:
            return Chain(tuple(records), f"the ledger of {model} is broken at record {seq}: {fault}")
        records.append(record)
    if head.seq > len(records):
        first = len(records) + 1
        missing = f"record {first} is missing" if first == head.seq else f"records {first} to {head.seq} are missing"
        return Chain(tuple(records), f"the ledger of {model} is cut off: its head is record {head.seq}, but {missing}")
    if head.seq and records[head.seq - 1].hash != head.hash:
        fault = f"the ledger of {model} is broken at record {head.seq}: its hash differs from the hash in the head"
        return Chain(tuple(records[: head.seq - 1]), fault)
    return Chain(tuple(records))


def _read(model: str, text: str, seq: int, before: Head) -> tuple[Record | None, str]:
    try:
        record = Record.model_validate_json(text)
    except ValidationError:
        return None, "it can't be read"
    if record.model != model or record.seq != seq:
        return None, f"it is record {record.seq} of {record.model}"
    if record.previous != before.hash:
        return None, "it does not follow from the record before it"
    if record.hash != _hash(before.hash, record.model_dump(exclude={"previous", "hash"})):
        return None, "it was changed"
    return record, ""


def _hash(previous: str, content: Mapping[str, object]) -> str:
    return hashlib.sha256((previous + canonical_json(content)).encode()).hexdigest()

"""The witness: every record of a ledger once more, where the users of MLflow can't write.

It is a store of its own, a folder of the home by default, or ``s3://bucket/prefix`` in ``EVENHAND_WITNESS``. An entry
is an object that is only ever added, named after the record's number and hash, as in a transparency log:

``announced``
    written before the record is appended to the ledger, by the process that appends it
``written``
    written after it was appended
``adopted``
    of a record that was found in the ledger and that no process with this witness has written

A ledger that was shortened, rewritten, renamed or deleted lacks a written or adopted record, or has another in its
place. An adopted record may be another machine's or a forged one: where reviewers have declared keys, nothing is
approved that rests on one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from evenhand.audit.chain import Record, record_name
from evenhand.errors import StorageError
from tasks.settings import settings
from tasks.storage.folder import Store

Entry = Literal["announced", "written", "adopted"]
Entries = dict[int, dict[str, set[str]]]
"""Number of a record -> hash -> kinds of its entries."""
KNOWN = {"written", "adopted"}


def witnessed(name: str) -> Entries:
    """Read the entries about a registered model.

    Raises
    ------
    StorageError
        When the witness can't be read, or holds an object that is no entry.
    """
    found: Entries = {}
    for key in _store().list(f"{name}/"):
        number, _, rest = key.removeprefix(f"{name}/").partition("/")
        digest, _, kind = rest.partition(".")
        if not number.isdecimal() or kind not in ("announced", "written", "adopted"):
            raise StorageError(f"the witness has an object that is no entry: {_store().uri(key)}")
        found.setdefault(int(number), {}).setdefault(digest, set()).add(kind)
    return found


def add_entry(record: Record, entry: Entry) -> None:
    """Add an entry about a record; one that exists stays."""
    key = f"{record.model}/{record_name(record.seq)}/{record.hash}.{entry}"
    _store().put_bytes(record.model_dump_json().encode(), key)


def compare(records: Sequence[Record], entries: Entries) -> str | None:
    """Say which record is the first that differs from the witness; None when none does.

    Parameters
    ----------
    records : sequence of Record
        Of the ledger, read after ``entries``.
    entries : dict
    """
    of_own = any("written" in kinds for found in entries.values() for kinds in found.values())
    counted = {"written"} if of_own else KNOWN  # an adopted record may be a forged one that a backup does not have
    for seq in sorted(entries):
        known = {digest for digest, kinds in entries[seq].items() if kinds & counted}
        if known and seq > len(records):
            return f"record {seq} is missing; the witness {address()} has it"
        if known and records[seq - 1].hash not in known:
            return f"record {seq} is another one than in the witness {address()}"
    return None


def catch_up(records: Sequence[Record], entries: Entries) -> None:
    """Add entries about the records that the witness lacks."""
    for record in records:
        kinds = entries.get(record.seq, {}).get(record.hash, set())
        if not kinds & KNOWN:
            add_entry(record, "written" if "announced" in kinds else "adopted")


def written_hashes(entries: Entries) -> frozenset[str]:
    """Return the hashes of the records that processes with this witness have written."""
    own = {"announced", "written"}
    return frozenset(digest for found in entries.values() for digest, kinds in found.items() if kinds & own)


def witnessed_models() -> list[str]:
    """List the registered models that the witness has entries about."""
    return sorted({key.partition("/")[0] for key in _store().list("")})


def address() -> str:
    """Return where the witness is."""
    return settings().witness_uri


def _store() -> Store:
    from tasks.storage.store import open_store

    return open_store(settings().witness_uri, settings().witness_profile or None)

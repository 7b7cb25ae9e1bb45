"""The errors a user is meant to read."""

from __future__ import annotations

from evenhand.text.printable import printable


class EvenhandError(Exception):
    """Something a user can mend: the message says what was found, where, and what is allowed."""

    def __str__(self) -> str:
        """Return the message as a terminal or a page may show it: it quotes cells and names of other people's files."""
        return printable(super().__str__(), lines=True)


class ProblemError(EvenhandError):
    """A problem file asks for something that does not exist or must not be done."""


class SourceError(EvenhandError):
    """A data set can't be fetched, read or trusted."""


class ValidationFailed(EvenhandError):
    """The data broke its expectations past what the problem allows."""


class StorageError(EvenhandError):
    """A stored object is missing, unreadable or not what its reference says."""


class GateError(EvenhandError):
    """Something went wrong while checking a model, so it was not promoted."""


class LeakFound(EvenhandError):
    """What a model is judged on had a part in making it; no score of it can be believed."""

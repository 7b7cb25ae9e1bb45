"""Why a family can't be fitted."""

from __future__ import annotations


class CannotFit(ValueError):
    """The family can't be fitted on these rows; the message is the reason for the resampling record."""

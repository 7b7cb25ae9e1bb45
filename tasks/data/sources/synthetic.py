"""A seeded twin of a data set that can't be fetched here."""

from __future__ import annotations

from pathlib import Path

from evenhand.data.synthetic.us_homicides import us_homicides
from evenhand.problem import SyntheticSource
from tasks.data.sources.fetched import Fetched


def fetch_synthetic(source: SyntheticSource, cache: Path) -> Fetched:
    """Rows made up from a seed; there are no files, and ``synthetic`` is true."""
    frame = us_homicides(source.rows, source.seed)
    origin = f"synthetic twin of {source.twin_of}: {source.rows} rows, seed {source.seed}"
    return Fetched(frame=frame, origin=origin, synthetic=True)

"""The source ``synthetic``: rows drawn from a seed instead of a download."""

from __future__ import annotations

from pathlib import Path

from evenhand.problem import SyntheticSource
from tasks.data.sources.fetched import Fetched
from tasks.data.sources.synthetic.us_homicides import us_homicides


def fetch_synthetic(source: SyntheticSource, cache: Path) -> Fetched:
    """Generate the rows; there are no files, and ``synthetic`` is true in the manifest."""
    frame = us_homicides(source.rows, source.seed)
    origin = f"synthetic twin of {source.twin_of}: {source.rows} rows, seed {source.seed}"
    return Fetched(frame=frame, origin=origin, synthetic=True)

"""Points of GeoJSON (RFC 7946): one row per feature."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from evenhand.errors import SourceError
from tasks.data.sources.fetched import brief

LONGITUDE, LATITUDE = "longitude", "latitude"


def read_geojson(data: bytes, name: str) -> pa.Table:
    """Parse a FeatureCollection of points.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        Name of the file, for messages.

    Returns
    -------
    pyarrow.Table
        Every property is a column, numbers keep their type where all are numbers; then ``longitude`` and ``latitude``,
        in degrees, where no property has that name. A feature without a geometry has no coordinates.

    Raises
    ------
    SourceError
        When it is no JSON, no FeatureCollection, has no features, or one whose geometry is no point in degrees.
    """
    try:
        found = json.loads(data)
    except (ValueError, UnicodeDecodeError, RecursionError) as error:
        raise SourceError(f"{name}: is no GeoJSON: {brief(error)}") from None
    features = found.get("features") if isinstance(found, dict) else None
    if not isinstance(features, list) or not all(isinstance(one, dict) for one in features):
        raise SourceError(f"{name}: is JSON, but no FeatureCollection of GeoJSON; export the rows as CSV or GeoJSON")
    if not features:
        raise SourceError(f"{name}: is a FeatureCollection without a feature")
    properties = [one.get("properties") or {} for one in features]
    names = list(dict.fromkeys(key for one in properties for key in one))
    columns = {key: _column([one.get(key) for one in properties]) for key in names}
    points = [_point(one.get("geometry"), f"{name}: feature {i + 1}") for i, one in enumerate(features)]
    for key, place in ((LONGITUDE, 0), (LATITUDE, 1)):
        if key not in columns:
            columns[key] = pa.array([None if point is None else point[place] for point in points], pa.float64())
    return pa.table(columns)


def _point(geometry: Any, where: str) -> tuple[float, float] | None:
    if not isinstance(geometry, dict) or not geometry.get("coordinates"):
        return None
    kind, place = geometry.get("type"), geometry["coordinates"]
    if kind == "MultiPoint" and isinstance(place, list) and len(place) == 1:
        kind, place = "Point", place[0]
    if kind != "Point":
        raise SourceError(f"{where} is a {kind}; only points can be read: export the file with one point per row")
    if not isinstance(place, list) or not all(isinstance(number, int | float) for number in place) or len(place) < 2:
        raise SourceError(f"{where} has the coordinates {str(place)[:60]!r}; a point has a longitude and a latitude")
    x, y = float(place[0]), float(place[1])
    if abs(x) > 180 or abs(y) > 90:
        raise SourceError(f"{where} is at {x:g}, {y:g}, which are no degrees; export the file in WGS 84 (EPSG:4326)")
    return x, y


def _column(cells: list[Any]) -> pa.Array:
    known = [cell for cell in cells if cell is not None]
    numbers = known and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in known)
    if numbers and all(isinstance(cell, int) and abs(cell) < 2**53 for cell in known):
        return pa.array(cells, pa.int64())
    if numbers:
        return pa.array([None if cell is None else float(cell) for cell in cells], pa.float64())
    return pa.array([_text(cell) for cell in cells], pa.large_string())


def _text(cell: Any) -> str | None:
    if cell is None or cell == "":
        return None
    return cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False)

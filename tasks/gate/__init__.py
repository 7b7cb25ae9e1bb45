"""The gate on real versions: champion and challenger loaded, judged, and the case written."""

"""The page of an analysis: map, forecasts, hotspots and their limits, as one file that opens offline."""

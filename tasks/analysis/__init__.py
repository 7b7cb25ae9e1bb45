"""Steps of `make analyse`: events from validated rows, forecasts, hotspots, and the page with its files."""

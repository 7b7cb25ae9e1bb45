"""Forecasts of counts by area: rivals, their distributions, the rolling origin, scores, and the one that is chosen.

Hotspots on cells are in ``evenhand.spatial.hotspots``.
"""

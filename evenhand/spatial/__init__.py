"""Where and when: counts by class, area and period, their forecasts, and how good these are.

Hotspots on a grid of cells are in ``evenhand.spatial.hotspots``. Places and times only: nothing about a person is read.
"""

"""Hotspots on cells of one size: rivals, their indices by rolling origin, and P(cell is among the top).

Forecasts of counts by area are one package up.
"""

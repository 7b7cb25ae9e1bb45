"""Synthetic homicide reports with the columns and margins of the FBI's: pure functions of a number of rows and a seed.

Real sources are beside this package; the synthetic rows of a resampler are in ``evenhand.strategies``.
"""

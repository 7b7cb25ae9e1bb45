"""The fitted candidate that is stored and scores new rows: encoder, model, calibration and decision rule as one.

How it is stored is known by ``tasks.registry``.
"""

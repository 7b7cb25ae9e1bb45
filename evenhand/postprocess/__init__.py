"""From a model's probabilities to those it ships with, and to classes: calibration, decision rules, multipliers.

All of it is fitted on out-of-fold probabilities. The models are in ``evenhand.models``.
"""

"""From raw columns to numbers: encoder, class rates, text, anomaly scores.

Everything here is fitted on a fold's training rows only. Roles of columns are declared in ``evenhand.problem``.
"""

"""Made-up rows with the columns and margins of the FBI's homicide reports, clearly named synthetic.

Synthetic minority rows of a resampler are in ``evenhand.strategies``.
"""

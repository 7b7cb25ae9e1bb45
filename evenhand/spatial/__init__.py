"""Where and when: events, their counts by class, area and period, what the data allow, and what is refused.

Forecasts and hotspots are the packages below. Places and times only: nothing about a person is read.
"""

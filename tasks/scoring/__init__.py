"""Predict classes for new rows with a registered version."""

"""The report of a training, section by section."""
